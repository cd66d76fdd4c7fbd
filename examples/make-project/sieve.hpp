#pragma once
#include <vector>

// The primes up to and including `limit`.
std::vector<unsigned> primes_up_to(unsigned limit);

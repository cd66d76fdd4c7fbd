#include "sieve.hpp"

std::vector<unsigned> primes_up_to(unsigned limit) {
    std::vector<bool> composite(limit + 1ul);
    std::vector<unsigned> primes;
    for (unsigned long n = 2; n <= limit; ++n) {
        if (composite[n]) continue;
        primes.push_back(static_cast<unsigned>(n));
        for (unsigned long multiple = n * n; multiple <= limit; multiple += n) composite[multiple] = true;
    }
    return primes;
}

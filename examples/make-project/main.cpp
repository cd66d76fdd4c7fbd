// primes [LIMIT]: the primes up to LIMIT; without it, what there is to say of those below 100.
#include <cstdlib>
#include <iostream>

#include "sieve.hpp"

int main(int argc, char** argv) {
    if (argc < 2) {
        const auto primes = primes_up_to(99);
        std::cout << primes.size() << " primes below 100, the largest is " << primes.back() << "\n";
        return 0;
    }
    const char* separator = "";
    for (const unsigned prime : primes_up_to(static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)))) {
        std::cout << separator << prime;
        separator = " ";
    }
    std::cout << "\n";
}

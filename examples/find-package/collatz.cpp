// collatz NUMBER: the steps of the Collatz sequence down to 1.
#include <charconv>
#include <cstdint>
#include <cstring>
#include <iostream>

int main(int argc, char** argv) {
    uint64_t n = 0;
    const char* text = argc == 2 ? argv[1] : "";
    const auto [end, error] = std::from_chars(text, text + std::strlen(text), n);
    if (error != std::errc{} || *end != 0 || n == 0) {
        std::cerr << "usage: " << argv[0] << " NUMBER\n";
        return 2;
    }
    unsigned steps = 0;
    uint64_t highest = n;
    for (; n != 1; ++steps) {
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
        if (n > highest) highest = n;
    }
    std::cout << text << ": " << steps << " steps, highest " << highest << "\n";
}

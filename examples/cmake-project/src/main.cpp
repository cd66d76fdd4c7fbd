// wordcount [LIMIT [FILE]]: the most frequent words of a file, or of a text of its own.
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "words.hpp"

namespace {

const char* const sample = "The quick brown fox jumps over the lazy dog. The dog sleeps; the fox does not.";

std::size_t parse_limit(const std::string& text) {
    std::size_t used = 0;
    const unsigned long limit = std::stoul(text, &used);
    if (used != text.size()) throw std::invalid_argument{text};
    return limit;
}

void print(std::istream& text, std::size_t limit) {
    for (const auto& [word, count] : most_frequent(text, limit)) std::cout << std::left << std::setw(10) << word << count << "\n";
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t limit = 10;
    try {
        if (argc > 1) limit = parse_limit(argv[1]);
    } catch (const std::exception&) {
        std::cerr << argv[0] << ": \"" << argv[1] << "\" is not a number\n";
        return 2;
    }
    if (argc > 2) {
        std::ifstream file{argv[2]};
        if (!file) {
            std::cerr << argv[0] << ": cannot read " << argv[2] << "\n";
            return 1;
        }
        print(file, limit);
    } else {
        std::istringstream text{sample};
        print(text, limit);
    }
}

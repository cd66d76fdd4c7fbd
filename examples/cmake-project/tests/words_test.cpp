#include <iostream>
#include <sstream>

#include "words.hpp"

namespace {

int failures = 0;

void expect(const std::string& text, std::size_t limit, const std::vector<WordCount>& expected) {
    std::istringstream stream{text};
    if (most_frequent(stream, limit) == expected) return;
    std::cout << "wrong words in \"" << text << "\"\n";
    ++failures;
}

}  // namespace

int main() {
    expect("", 5, {});
    expect("one", 5, {{"one", 1}});
    expect("b a b, A c!", 2, {{"a", 2}, {"b", 2}});
    expect("x y z", 0, {});
    expect("it's 1 test-case", 9, {{"case", 1}, {"it", 1}, {"s", 1}, {"test", 1}});
    std::cout << failures << " failures\n";
    return failures;
}

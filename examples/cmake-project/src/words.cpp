#include "words.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <utility>

std::vector<WordCount> most_frequent(std::istream& text, std::size_t limit) {
    std::map<std::string, std::size_t> counts;
    std::string word;
    for (std::istreambuf_iterator<char> it{text}, end; it != end; ++it) {
        const auto c = static_cast<unsigned char>(*it);
        if (std::isalpha(c))
            word += static_cast<char>(std::tolower(c));
        else if (!word.empty())
            ++counts[std::exchange(word, {})];
    }
    if (!word.empty()) ++counts[word];
    std::vector<WordCount> sorted{counts.begin(), counts.end()};
    std::stable_sort(sorted.begin(), sorted.end(), [](const WordCount& a, const WordCount& b) { return a.second > b.second; });
    if (sorted.size() > limit) sorted.resize(limit);
    return sorted;
}

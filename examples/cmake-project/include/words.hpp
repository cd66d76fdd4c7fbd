#pragma once
#include <cstddef>
#include <istream>
#include <string>
#include <utility>
#include <vector>

using WordCount = std::pair<std::string, std::size_t>;

// The `limit` most frequent words, most frequent first, equals in alphabetical order. Letters are folded to lower case;
// everything else separates words.
std::vector<WordCount> most_frequent(std::istream& text, std::size_t limit);

#include "libos/trace/pattern.hpp"

#include <algorithm>

#include "libos/syscall/names.hpp"
#include "libos/trace/descriptions.hpp"

namespace eremite::trace {

namespace {

// Whether the name is one that the word stands for. A * is first taken for nothing, then for one character more each time that
// what follows it does not fit.
bool matches(std::string_view word, std::string_view name) {
    size_t w = 0, n = 0, star = std::string_view::npos, resumed = 0;
    while (n < name.size()) {
        if (w < word.size() && word[w] == '*') {
            star = w++;
            resumed = n;
        } else if (w < word.size() && word[w] == name[n]) {
            ++w;
            ++n;
        } else if (star != std::string_view::npos) {
            w = star + 1;
            n = ++resumed;
        } else {
            return false;
        }
    }
    return word.find_first_not_of('*', w) == std::string_view::npos;
}

bool add_matching(std::string_view word, Selection& out) {
    const bool is_group = word.starts_with('%');
    const uint8_t group = is_group ? group_named(word.substr(1)) : 0;
    bool found = false;
    for (uint64_t number = 0; number < Selection::limit; ++number) {
        const std::string_view name = syscall::name_of(number);
        if (name.empty() || !(is_group ? (description_of(number).groups & group) != 0 : matches(word, name))) continue;
        out.add(number);
        found = true;
    }
    return found;
}

}  // namespace

std::optional<std::string_view> parse_pattern(std::string_view pattern, Selection& out) {
    const bool negated = pattern.starts_with('!');
    std::string_view rest = pattern.substr(negated ? 1 : 0);
    for (;;) {
        const size_t comma = std::min(rest.find(','), rest.size());
        const std::string_view word = rest.substr(0, comma);
        if (!add_matching(word, out)) return word;
        if (comma == rest.size()) break;
        rest.remove_prefix(comma + 1);
    }
    if (negated) out.invert();
    return std::nullopt;
}

}  // namespace eremite::trace

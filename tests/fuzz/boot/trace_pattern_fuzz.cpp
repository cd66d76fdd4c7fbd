// The parser of the trace's pattern must take any text. What it selects follows from its words, each for itself.
#include <cstdint>
#include <string_view>
#include <vector>

#include "libos/trace/pattern.hpp"
#include "tests/fuzz/boot/require.hpp"

using namespace eremite;
using test::require;
using trace::Selection;

namespace {

bool equal(const Selection& a, const Selection& b, bool inverted) {
    for (uint64_t number = 0; number <= Selection::limit; ++number)
        if ((a.contains(number) != b.contains(number)) != inverted) return false;
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // Of the exact size, so that AddressSanitizer sees a read behind it.
    const std::vector<char> bytes(data, data + size);
    const std::string_view pattern{bytes.data(), bytes.size()};
    Selection selection;
    if (const auto offender = trace::parse_pattern(pattern, selection)) {
        require(pattern.find(*offender) != std::string_view::npos);
        Selection again;
        require(trace::parse_pattern(*offender, again).has_value() || offender->starts_with('!'));
        return 0;
    }
    const bool negated = pattern.starts_with('!');
    Selection sum;
    for (std::string_view rest = pattern.substr(negated ? 1 : 0);;) {
        const size_t comma = rest.find(',');
        // A word that begins like a negation is no name, so that it would have been refused.
        require(!trace::parse_pattern(rest.substr(0, comma), sum).has_value());
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    require(equal(selection, sum, negated));
    return 0;
}

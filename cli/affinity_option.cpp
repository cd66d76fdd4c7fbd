#include "cli/affinity_option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

constexpr size_t most = 1024;

std::optional<unsigned> parse_cpu(std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

}  // namespace

std::vector<unsigned> parse_cpu_list(std::string_view text) {
    const auto refuse = [text](std::string_view word) {
        throw Failure{exit_status::usage, fmt::format("run: --affinity {}: \"{}\" is no CPU and no range of CPUs; write a list such as 0,2-3", text, word)};
    };
    std::vector<unsigned> cpus;
    for (std::string_view rest = text;;) {
        const std::string_view word = rest.substr(0, rest.find(','));
        const size_t dash = word.find('-');
        const auto first = parse_cpu(word.substr(0, dash));
        const auto last = dash == word.npos ? first : parse_cpu(word.substr(dash + 1));
        if (!first || !last || *last < *first || *last - *first >= most - cpus.size()) refuse(word);
        for (unsigned cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
        if (word.size() == rest.size()) return cpus;
        rest.remove_prefix(word.size() + 1);
    }
}

}  // namespace eremite::cli

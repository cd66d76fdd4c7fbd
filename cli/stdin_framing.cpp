#include "cli/stdin_framing.hpp"

#include "abi/host_channel.hpp"

namespace eremite::cli {

namespace {

constexpr char escape = static_cast<char>(abi::stdin_escape);

}  // namespace

std::string framed(std::string_view data) {
    std::string out;
    out.reserve(data.size());
    for (const char c : data) {
        if (c == escape) out += escape;
        out += c;
    }
    return out;
}

std::string end_of_input() {
    return {escape, 'E'};
}

}  // namespace eremite::cli

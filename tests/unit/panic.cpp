// How tests end that do not say themselves what a panic is.
#include "base/panic.hpp"

#include <cstdio>
#include <cstdlib>

namespace eremite {

void panic(std::string_view message) {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
    std::abort();
}

}  // namespace eremite

#include "vmm/descriptor_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace eremite::vmm {

size_t raise_descriptor_limit() {
    constexpr rlim_t least = 64, most = 1 << 20;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return least;
    // Whoever may raises its own bound as well.
    const rlimit all{.rlim_cur = most, .rlim_max = std::max(most, limit.rlim_max)};
    if (::setrlimit(RLIMIT_NOFILE, &all) == 0) return most;
    const rlimit possible{.rlim_cur = std::min(limit.rlim_max, std::max(most, limit.rlim_cur)), .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &possible) == 0) limit = possible;
    return std::clamp(limit.rlim_cur, least, most);
}

}  // namespace eremite::vmm

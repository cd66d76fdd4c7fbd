#pragma once
// The header of a frame that a driver sends (virtio 1.2 section 5.1.6.2).
#include <optional>

#include "vmm/net/format.hpp"

namespace eremite::vmm::net {

// What of a header goes on with a frame of `length` bytes, once the driver accepted `features`. Nothing: it makes no sense, or the driver asks for
// what it did not accept.
[[nodiscard]] std::optional<Header> check_header(const Header& header, size_t length, uint64_t features);

}  // namespace eremite::vmm::net

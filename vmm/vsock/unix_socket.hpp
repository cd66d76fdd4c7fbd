#pragma once
// The Unix sockets of the host that stand for ports.
#include <cstdint>
#include <optional>
#include <string>

#include "vmm/unique_fd.hpp"

namespace eremite::vmm::vsock {

// A socket that listens at this path, and does not block. What a monitor that is gone has left there is replaced. Throws Error: the path is too
// long, as PATH_PORT too, or something else is there.
[[nodiscard]] UniqueFd listen_at(const std::string& path);
// Removes a socket at which nobody listens any more; anything else stays.
void remove_left_over(const std::string& path);
// The next one who connects; none: nobody does now, or there are no descriptors.
[[nodiscard]] UniqueFd accept_from(const UniqueFd& listener);
// A connection to what listens at this path, which does not block; none: nobody does, or it is too busy.
[[nodiscard]] UniqueFd connect_to(const std::string& path);

}  // namespace eremite::vmm::vsock

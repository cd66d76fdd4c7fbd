#pragma once
// TAP devices of the host, as its kernel describes them.
#include <cstddef>
#include <span>
#include <string>

namespace eremite::cli {

// Whether it can have several pairs of queues at once, each with a thread of the kernel of its own. False: it cannot, or there is no such TAP device.
bool takes_several_queues(const std::string& tap);

// The same from the answer to RTM_GETLINK (rtnetlink(7)), without its struct nlmsghdr.
bool takes_several_queues(std::span<const std::byte> link);

// How many pairs of queues a machine of so many CPUs has at a TAP device: one for each, as far as that is of use.
unsigned tap_queues(bool several, unsigned cpus);

}  // namespace eremite::cli

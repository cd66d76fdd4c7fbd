#pragma once
// Why a packet was not accepted. Each reason is counted by the stack.
#include <cstdint>

namespace eremite::net {

enum class Drop : uint8_t {
    None,
    TooShort,       // the header does not fit
    BadLength,      // lengths that contradict each other
    BadVersion,
    BadChecksum,
    BadAddress,     // a source that cannot be one
    BadOption,
    UnknownProtocol,
    NotForUs,
    NoListener,
    NoMemory,
    NoRoute,
    QueueFull,
    BadFragment,    // overlapping, too many or outside of the packet
    RateLimited,
    BadSequence,    // outside of the window
    Count,
};

}  // namespace eremite::net

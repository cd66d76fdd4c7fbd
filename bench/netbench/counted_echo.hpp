#pragma once
#include <atomic>

#include "protocol.hpp"
#include "sockets.hpp"

namespace eremite::netbench {

/// Rounds of an echo that counts, the first half of which is for warming up. A few of a client's 2000 messages may get lost.
constexpr unsigned counted_rounds = 1900;

/// Answers messages one by one, and prints what a received and a sent one cost in ticks of the time stamp counter, which are instructions where
/// that counter counts them. A guest that sleeps may see its counter jump, so it asks again and again instead of waiting; what asking in vain
/// costs is measured and taken off. `over`: nobody will send any more.
void counted_echo(const Socket& socket, const Request& request, const std::atomic<bool>& over);

}  // namespace eremite::netbench

#pragma once
// What carries messages to a file server: a request goes out, and its reply comes into memory that was handed over with it.
// Clients see only this, so that tests and fuzzers can play the server.
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace eremite::fs::remote {

// A piece of memory in the direct map. Never empty.
using Segment = std::span<uint8_t>;

class Transport {
public:
    // A message under way. Its memory is the transport's until done() is called, once; then `written` bytes of the reply are
    // there, or `error` says why none are. One without room for a reply is answered when the server has taken it.
    struct Message {
        std::span<const Segment> request;
        std::span<const Segment> reply;
        // Called without a lock, possibly in an interrupt or within submit(); must not wait.
        void (*done)(Message& message, size_t written, int error) = nullptr;
    };

    // EIO: the transport is broken, now and for ever; done() is not called then. Up to `limits().messages` can be under way.
    [[nodiscard]] virtual Result<void> submit(Message& message) = 0;

    struct Limits {
        uint32_t messages;  // at once, of those with a reply; at least 2
        uint32_t segments;  // of a message, both ways together; at least 4
    };
    [[nodiscard]] virtual Limits limits() const = 0;

protected:
    ~Transport() = default;
};

}  // namespace eremite::fs::remote

#pragma once
// Who sees all packets as they pass an interface: what is received before the stack looks at it, and what is sent when its headers
// are made. Several stacks may share one.
#include <cstdint>

namespace eremite::net {

class Interface;
class Packet;

enum class Direction : uint8_t { In = 1, Out = 2 };

class Capture {
public:
    // Of the loopback, packets are shown as they come in.
    virtual void packet(const Interface& interface, const Packet& packet, Direction direction) = 0;
    // The end of a batch.
    virtual void flush() = 0;

protected:
    ~Capture() = default;
};

}  // namespace eremite::net

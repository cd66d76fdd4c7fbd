#pragma once
// How the user of a socket hears of events: called from within the stack, where only little may be done (wake somebody, make a
// note); never call the stack from here.
#include <cstdint>

namespace eremite::net {

namespace event {
inline constexpr uint32_t readable = 1;  // data, a connection to accept, or the end of the stream
inline constexpr uint32_t writable = 2;  // connected, or there is room again
inline constexpr uint32_t error = 4;
inline constexpr uint32_t hangup = 8;    // neither direction is left
}  // namespace event

class Observer {
public:
    virtual void notify(uint32_t events) = 0;

protected:
    ~Observer() = default;
};

}  // namespace eremite::net

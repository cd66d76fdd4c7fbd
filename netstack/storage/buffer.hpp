#pragma once
// Memory that packets share. A buffer knows who takes it back, so that receive buffers of devices and pages of programs travel
// through the stack like the pool's own.
#include <cstdint>

namespace eremite::net {

struct Buffer;

class BufferOwner {
public:
    // The last reference is gone.
    virtual void release(Buffer& buffer) = 0;

protected:
    ~BufferOwner() = default;
};

// References are counted without atomics: a buffer belongs to one stack, which one CPU uses at a time.
struct Buffer {
    uint8_t* start = nullptr;
    uint32_t capacity = 0;
    uint32_t references = 0;
    BufferOwner* owner = nullptr;
};

}  // namespace eremite::net

#pragma once
// How bytes of programs come into packets and back: the stack names the places in order, the host copies, and may fail where the
// program's memory is not there.
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace eremite::net {

class ByteSource {
public:
    // The next bytes; all of them.
    [[nodiscard]] virtual Result<void> read(std::span<uint8_t> to) = 0;

protected:
    ~ByteSource() = default;
};

class ByteSink {
public:
    [[nodiscard]] virtual Result<void> write(std::span<const uint8_t> from) = 0;

protected:
    ~ByteSink() = default;
};

}  // namespace eremite::net

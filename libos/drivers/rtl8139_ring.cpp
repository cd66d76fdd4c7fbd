#include "libos/drivers/rtl8139_ring.hpp"

namespace eremite::drivers {

Rtl8139Ring::Next Rtl8139Ring::next(Frame& frame) {
    // SAFETY: the offset is a multiple of four within the ring. The header is read once, since the device may change it.
    const uint32_t header = *reinterpret_cast<const volatile uint32_t*>(memory_ + offset_);
    constexpr uint32_t received = 1, header_size = sizeof header, check_sum = 4;
    constexpr uint32_t unfinished = 0xfff0, shortest = 14 + check_sum, longest = 1522;
    const uint32_t length = header >> 16;
    if (length == unfinished) return Next::Unfinished;
    if ((header & received) == 0 || length < shortest || length > longest) return Next::Broken;
    frame = {memory_ + offset_ + header_size, length - check_sum};
    offset_ = (offset_ + header_size + length + 3) / 4 * 4 % size;
    return Next::Frame;
}

}  // namespace eremite::drivers

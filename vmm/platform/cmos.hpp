#pragma once
// A PC's real-time clock (Motorola MC146818), to be read only: it shows the host's time, in UTC.
#include <atomic>

#include "vmm/bus.hpp"

namespace eremite::vmm {

class Cmos final : public Registers {
public:
    // An index, and the byte that it selects.
    static constexpr uint16_t port = 0x70, size = 2;
    void read(uint64_t offset, std::span<std::byte> data) override;
    void write(uint64_t offset, std::span<const std::byte> data) override;

private:
    std::atomic<uint8_t> index_{0};
};

}  // namespace eremite::vmm

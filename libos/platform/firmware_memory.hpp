#pragma once
// Firmware's tables, mapped as they are asked for.
#include "libos/mm/address_space.hpp"
#include "libos/platform/memory_view.hpp"

namespace eremite::platform {

// Firmware keeps its tables outside of usable memory, so that the direct map does not hold them yet.
class FirmwareMemory final : public MemoryView {
public:
    explicit FirmwareMemory(mm::AddressSpace& space) : space_{space} {}

    std::optional<std::span<const uint8_t>> bytes(PhysicalAddress address, uint64_t length) override {
        if (address.value >= direct_map_base || length > direct_map_base - address.value) return std::nullopt;
        const PhysicalAddress end = address + length;
        for (PhysicalAddress page = address.down_to(page_size); page < end; page += page_size) {
            if (space_.query(direct_map(page))) continue;
            const VirtualRange range{direct_map(page), direct_map(page + page_size)};
            if (!space_.add_kernel(range, page, mm::protection::read, false, false, "[ACPI]").ok()) return std::nullopt;
        }
        return std::span{direct_map(address).as<const uint8_t>(), length};
    }

private:
    mm::AddressSpace& space_;
};

}  // namespace eremite::platform

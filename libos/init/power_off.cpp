#include "libos/init/power_off.hpp"

#include "libos/platform/acpi.hpp"

namespace eremite::init {

namespace {

// Firmware keeps its tables outside of usable memory, so that the direct map does not hold them yet.
class FirmwareMemory final : public platform::MemoryView {
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

void store_sleep_control(mm::AddressSpace& space, const platform::PowerOffMethod& method) {
    const PhysicalAddress page = method.sleep_register.down_to(page_size);
    const VirtualRange range{direct_map(page), direct_map(page + page_size)};
    if (!space.add_kernel(range, page, mm::protection::read_write, false, true, "[ACPI]").ok()) return;
    // SAFETY: just mapped, uncached.
    *direct_map(method.sleep_register).as<volatile uint8_t>() = method.sleep_control();
}

constinit mm::AddressSpace* address_space = nullptr;
constinit PhysicalAddress acpi_root{};

}  // namespace

void prepare_power_off(mm::AddressSpace& space, PhysicalAddress rsdp) {
    address_space = &space;
    acpi_root = rsdp;
}

void switch_off() {
    if (!address_space) return;
    FirmwareMemory memory{*address_space};
    const auto method = platform::find_acpi_power_off(acpi_root, memory);
    if (!method) return;
    if (method->kind == platform::PowerOffMethod::Kind::SleepControlMemory) store_sleep_control(*address_space, *method);
    else platform::acpi_power_off(*method);
}

}  // namespace eremite::init

#include "libos/init/power_off.hpp"

#include "libos/platform/firmware_memory.hpp"
#include "libos/platform/acpi.hpp"

namespace eremite::init {

namespace {

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
    platform::FirmwareMemory memory{*address_space};
    const auto method = platform::find_acpi_power_off(acpi_root, memory);
    if (!method) return;
    if (method->kind == platform::PowerOffMethod::Kind::SleepControlMemory) store_sleep_control(*address_space, *method);
    else platform::acpi_power_off(*method);
}

}  // namespace eremite::init

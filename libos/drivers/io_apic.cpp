#include "libos/drivers/io_apic.hpp"

#include "libos/arch/smp.hpp"
#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/registers.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

constinit platform::IoApics io_apics{{{{0xfec00000}, 0}}, 1};
// Guards the list, and the pair of index and data register.
constinit sync::Spinlock lock{sync::Rank::Interrupts};

constexpr uint64_t index_register = 0x00, data_register = 0x10, register_bytes = 0x20;
constexpr uint32_t version = 1, first_entry = 0x10, masked = 1 << 16;

uint32_t read_at(VirtualAddress base, uint32_t index) {
    write_register(base + index_register, index);
    return read_register<uint32_t>(base + data_register);
}
void write_at(VirtualAddress base, uint32_t index, uint32_t value) {
    write_register(base + index_register, index);
    write_register(base + data_register, value);
}

platform::IoApics known_io_apics() {
    const sync::Guard guard{lock};
    return io_apics;
}

// Sets the redirection entry of `line`.
Result<void> set_entry(uint32_t line, uint32_t destination, uint32_t value) {
    const platform::IoApics known = known_io_apics();
    for (const platform::IoApic& controller : std::span{known.controllers, known.count}) {
        if (line < controller.first_line) continue;
        const VirtualAddress base = TRY(map_device_memory({controller.registers, controller.registers + register_bytes}));
        const sync::Guard guard{lock};
        const uint32_t found = read_at(base, version), entry = first_entry + 2 * (line - controller.first_line);
        // All ones: nothing answers at this address.
        if (found == 0xffffffff || line - controller.first_line > (found >> 16 & 0xff)) continue;
        write_at(base, entry, masked);
        write_at(base, entry + 1, destination << 24);
        write_at(base, entry, value);
        return {};
    }
    return Error{ENODEV};
}

}  // namespace

void set_io_apics(const platform::IoApics& controllers) {
    const sync::Guard guard{lock};
    if (controllers.count != 0) io_apics = controllers;
}

Result<void> route_interrupt(uint32_t line, unsigned cpu, unsigned vector) {
    // Fixed delivery to a physical APIC id, edge, high.
    return set_entry(line, arch::hardware_id_of(cpu), vector);
}

void mask_interrupt(uint32_t line) {
    // A line that nobody has needs no mask.
    (void)set_entry(line, 0, masked);
}

}  // namespace eremite::drivers

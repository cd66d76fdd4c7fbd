#include "libos/drivers/io_apic.hpp"

#include <cstdint>

namespace eremite::drivers {

namespace {

constinit bool started = false;

volatile uint32_t& at(uint64_t offset) {
    // SAFETY: init mapped this page uncached before it called start_io_apic.
    return *reinterpret_cast<volatile uint32_t*>(direct_map(io_apic_address).value + offset);
}

void write_register(uint32_t index, uint32_t value) {
    at(0x00) = index;
    at(0x10) = value;
}

uint32_t read_register(uint32_t index) {
    at(0x00) = index;
    return at(0x10);
}

}  // namespace

void start_io_apic() { started = true; }

void route_interrupt(unsigned line, unsigned vector) {
    if (!started) return;
    const uint32_t version = read_register(1);
    // All ones: nothing answers at this address.
    if (version == 0xffffffff || line > (version >> 16 & 0xff)) return;
    write_register(0x11 + 2 * line, 0);       // destination: APIC 0
    write_register(0x10 + 2 * line, vector);  // fixed, physical, edge, high, unmasked
}

}  // namespace eremite::drivers

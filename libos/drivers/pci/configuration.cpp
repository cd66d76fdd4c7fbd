#include "libos/drivers/pci/configuration.hpp"

#include "libos/arch/supervisor.hpp"
#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/registers.hpp"

namespace eremite::drivers::pci {

namespace {

constexpr uint16_t address_port = 0xcf8, data_port = 0xcfc;
constexpr uint32_t enable = uint32_t{1} << 31;

uint32_t port_address(Location where, uint8_t offset) {
    return enable | uint32_t{where.bus} << 16 | uint32_t{where.device} << 11 | uint32_t{where.function} << 8 | (offset & 0xfcu);
}

}  // namespace

std::optional<VirtualAddress> MemoryConfiguration::address(Location where, uint8_t offset) {
    constexpr uint64_t bus_bytes = 1 << 20;
    if (where.bus > last_bus_) return std::nullopt;
    const PhysicalAddress bus = base_ + where.bus * bus_bytes;
    if (!mapped_ || mapped_bus_ != where.bus) {
        if (!map_device_memory({bus, bus + bus_bytes}).ok()) return std::nullopt;
        mapped_ = true;
        mapped_bus_ = where.bus;
    }
    return direct_map(bus + (uint64_t{where.device} << 15 | uint64_t{where.function} << 12 | offset));
}

uint32_t MemoryConfiguration::read(Location where, uint8_t offset, unsigned width) {
    const auto place = address(where, offset);
    return place ? read_register(*place, width) : ~uint32_t{0};
}

void MemoryConfiguration::write(Location where, uint8_t offset, unsigned width, uint32_t value) {
    const auto place = address(where, offset);
    if (place) write_register(*place, width, value);
}

bool PortConfiguration::present() {
    arch::port_out(address_port, 4, enable);
    return arch::port_in(address_port, 4) == enable;
}

uint32_t PortConfiguration::read(Location where, uint8_t offset, unsigned width) {
    arch::port_out(address_port, 4, port_address(where, offset));
    return arch::port_in(static_cast<uint16_t>(data_port + (offset & 3)), width);
}

void PortConfiguration::write(Location where, uint8_t offset, unsigned width, uint32_t value) {
    arch::port_out(address_port, 4, port_address(where, offset));
    arch::port_out(static_cast<uint16_t>(data_port + (offset & 3)), width, value);
}

}  // namespace eremite::drivers::pci

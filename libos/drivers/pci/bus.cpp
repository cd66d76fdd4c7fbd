#include "libos/drivers/pci/bus.hpp"

#include <linux/pci_regs.h>

#include <algorithm>

namespace eremite::drivers::pci {

namespace {

constexpr unsigned devices_on_bus = 32, functions_of_device = 8;

// A set of bus numbers.
struct BusSet {
    uint64_t words[4]{};
    // False: it was in already.
    bool add(uint8_t bus) {
        uint64_t& word = words[bus / 64];
        const uint64_t bit = uint64_t{1} << bus % 64;
        return !(word & bit) && ((word |= bit), true);
    }
};

// What a bridge between two buses leads to (PCI-to-PCI Bridge Architecture 1.2, 3.2.5). 0: firmware has not set it up.
uint8_t bus_behind(const Function& function) {
    const uint8_t header = function.read8(PCI_HEADER_TYPE) & 0x7f;
    return header == PCI_HEADER_TYPE_BRIDGE ? function.read8(PCI_SECONDARY_BUS) : uint8_t{0};
}

}  // namespace

void for_each_function(Configuration& configuration, Visitor& visitor) {
    // A bridge leads to a bus once, however bridges are numbered; so this ends.
    BusSet seen;
    seen.add(0);
    uint8_t waiting[256]{};
    unsigned count = 1;
    while (count > 0) {
        const uint8_t bus = waiting[--count];
        for (uint8_t device = 0; device < devices_on_bus; ++device) {
            for (uint8_t number = 0; number < functions_of_device; ++number) {
                const Function function{configuration, {bus, device, number}};
                if (!function.present()) {
                    if (number == 0) break;
                    continue;
                }
                const uint8_t behind = bus_behind(function);
                if (behind != 0 && seen.add(behind)) waiting[count++] = behind;
                visitor.found(function);
                constexpr uint8_t several_functions = 0x80;
                if (number == 0 && !(function.read8(PCI_HEADER_TYPE) & several_functions)) break;
            }
        }
    }
}

Result<PhysicalAddress> AddressWindow::take(uint64_t size) {
    size = std::max(size, page_size);
    const PhysicalAddress start = free_.start.up_to(size);
    if (start < free_.start || start > free_.end || free_.end - start < size) return Error{ENOSPC};
    free_.start = start + size;
    return start;
}

Result<void> assign_addresses(const Function& function, AddressWindow& window) {
    const uint16_t command = function.read16(PCI_COMMAND);
    for (unsigned i = 0; i < bar_count; ++i) {
        const auto bar = function.bar(i);
        if (!bar) continue;
        if (!bar->io && bar->address == 0) {
            const PhysicalAddress address = TRY(window.take(bar->size));
            function.write16(PCI_COMMAND, 0);
            function.set_bar(i, *bar, address.value);
            function.write16(PCI_COMMAND, command);
        }
        if (bar->wide) ++i;
    }
    return {};
}

}  // namespace eremite::drivers::pci

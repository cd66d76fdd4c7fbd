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

bool is_bridge(const Function& function) { return (function.read8(PCI_HEADER_TYPE) & 0x7f) == PCI_HEADER_TYPE_BRIDGE; }

// What a bridge between two buses leads to (PCI-to-PCI Bridge Architecture 1.2, 3.2.5). 0: firmware has not set it up.
uint8_t bus_behind(const Function& function) { return is_bridge(function) ? function.read8(PCI_SECONDARY_BUS) : uint8_t{0}; }

// Calls visit(index, bar) for each memory BAR, until it returns an error.
template <typename Visit>
Result<void> for_each_memory_bar(const Function& function, Visit&& visit) {
    const unsigned count = is_bridge(function) ? 2 : bar_count;
    for (unsigned i = 0; i < count; ++i) {
        const auto bar = function.bar(i);
        if (!bar) continue;
        if (!bar->io) TRY(visit(i, *bar));
        if (bar->wide) ++i;
    }
    return {};
}

class Exclusion final : public Visitor {
public:
    explicit Exclusion(AddressWindow& window) : window_{window} {}
    void found(const Function& function) override {
        (void)for_each_memory_bar(function, [&](unsigned, const Bar& bar) -> Result<void> {
            if (bar.address != 0) exclude(bar.address, bar.size);
            return {};
        });
        if (!is_bridge(function)) return;
        // 3.2.5.8 and 3.2.5.9: the upper twelve of 32 bits.
        for (const uint8_t window : {PCI_MEMORY_BASE, PCI_PREF_MEMORY_BASE}) {
            const uint16_t low = function.read16(window);
            uint64_t base = uint64_t{low & 0xfff0u} << 16;
            uint64_t limit = uint64_t{function.read16(static_cast<uint8_t>(window + 2)) & 0xfff0u} << 16;
            if (window == PCI_PREF_MEMORY_BASE && (low & PCI_PREF_RANGE_TYPE_MASK) == PCI_PREF_RANGE_TYPE_64) {
                base |= uint64_t{function.read32(PCI_PREF_BASE_UPPER32)} << 32;
                limit |= uint64_t{function.read32(PCI_PREF_LIMIT_UPPER32)} << 32;
            }
            constexpr uint64_t granularity = 1 << 20;
            if (base != 0 && limit >= base) exclude(base, limit - base + granularity);
        }
    }

private:
    void exclude(uint64_t start, uint64_t size) { window_.exclude({{start}, {start + std::min(size, ~start)}}); }

    AddressWindow& window_;
};

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

void AddressWindow::exclude(PhysicalRange taken) {
    const PhysicalAddress start = std::max(taken.start, free_.start), end = std::min(taken.end, free_.end);
    if (start >= end) return;
    if (start - free_.start > free_.end - end) free_.end = start;
    else free_.start = end;
}

bool lacks_addresses(const Function& function) {
    return !for_each_memory_bar(function, [](unsigned, const Bar& bar) { return bar.address == 0 ? Result<void>{Error{ENOENT}} : Result<void>{}; }).ok();
}

void exclude_assigned(Configuration& configuration, AddressWindow& window) {
    Exclusion exclusion{window};
    for_each_function(configuration, exclusion);
}

Result<void> assign_addresses(const Function& function, AddressWindow& window) {
    const uint16_t command = function.read16(PCI_COMMAND);
    return for_each_memory_bar(function, [&](unsigned index, const Bar& bar) -> Result<void> {
        if (bar.address != 0) return {};
        const PhysicalAddress address = TRY(window.take(bar.size));
        function.write16(PCI_COMMAND, 0);
        function.set_bar(index, bar, address.value);
        function.write16(PCI_COMMAND, command);
        return {};
    });
}

}  // namespace eremite::drivers::pci

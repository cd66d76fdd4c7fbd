#pragma once
// Messages instead of interrupt lines (PCI Local Bus 3.0, 6.8.2: MSI-X): a table of what to write where.
#include "libos/arch/interrupts.hpp"
#include "libos/drivers/pci/function.hpp"

namespace eremite::drivers::pci {

class Msix {
public:
    // Without a table.
    constexpr Msix() = default;
    // Finds the table of the function and switches it on, with all entries masked. ENODEV: it has none; errors of map_device_memory.
    [[nodiscard]] static Result<Msix> open(const Function& function);

    [[nodiscard]] unsigned count() const { return count_; }
    // Requires: entry < count().
    void set(unsigned entry, arch::InterruptMessage message) const;
    void mask(unsigned entry) const;

private:
    [[nodiscard]] VirtualAddress at(unsigned entry) const;

    VirtualAddress table_{};
    unsigned count_ = 0;
};

}  // namespace eremite::drivers::pci

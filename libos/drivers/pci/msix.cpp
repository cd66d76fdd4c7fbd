#include "libos/drivers/pci/msix.hpp"

#include <linux/pci_regs.h>

#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/registers.hpp"

namespace eremite::drivers::pci {

Result<Msix> Msix::open(const Function& function) {
    uint8_t capability = 0;
    if (!function.any_capability(PCI_CAP_ID_MSIX, [&capability](uint8_t at) { return (capability = at) != 0; })) return Error{ENODEV};
    const uint16_t flags = function.read16(capability + PCI_MSIX_FLAGS);
    const uint32_t where = function.read32(capability + PCI_MSIX_TABLE);
    Msix msix;
    msix.count_ = (flags & PCI_MSIX_FLAGS_QSIZE) + 1u;
    const uint64_t offset = where & PCI_MSIX_TABLE_OFFSET, bytes = uint64_t{msix.count_} * PCI_MSIX_ENTRY_SIZE;
    const auto bar = function.bar(where & PCI_MSIX_TABLE_BIR);
    if (!bar || bar->io || bar->address == 0 || offset > bar->size || bytes > bar->size - offset) return Error{ENODEV};
    const PhysicalAddress start{bar->address + offset};
    msix.table_ = TRY(map_device_memory({start, start + bytes}));
    for (unsigned i = 0; i < msix.count_; ++i) msix.mask(i);
    function.write16(capability + PCI_MSIX_FLAGS, static_cast<uint16_t>((flags | PCI_MSIX_FLAGS_ENABLE) & ~PCI_MSIX_FLAGS_MASKALL));
    return msix;
}

VirtualAddress Msix::at(unsigned entry) const { return table_ + uint64_t{entry} * PCI_MSIX_ENTRY_SIZE; }

void Msix::set(unsigned entry, arch::InterruptMessage message) const {
    mask(entry);
    write_register(at(entry) + PCI_MSIX_ENTRY_LOWER_ADDR, static_cast<uint32_t>(message.address));
    write_register(at(entry) + PCI_MSIX_ENTRY_UPPER_ADDR, static_cast<uint32_t>(message.address >> 32));
    write_register(at(entry) + PCI_MSIX_ENTRY_DATA, message.data);
    write_register(at(entry) + PCI_MSIX_ENTRY_VECTOR_CTRL, uint32_t{0});
}

void Msix::mask(unsigned entry) const { write_register(at(entry) + PCI_MSIX_ENTRY_VECTOR_CTRL, uint32_t{PCI_MSIX_ENTRY_CTRL_MASKBIT}); }

}  // namespace eremite::drivers::pci

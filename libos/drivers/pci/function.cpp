#include "libos/drivers/pci/function.hpp"

#include <linux/pci_regs.h>

#include <utility>

namespace eremite::drivers::pci {

namespace {

constexpr uint16_t decoding = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;

uint8_t bar_offset(unsigned index) { return static_cast<uint8_t>(PCI_BASE_ADDRESS_0 + 4 * index); }

// Behind the header, and aligned.
uint8_t sound_capability(uint8_t pointer) {
    constexpr uint8_t header = 0x40;
    return pointer >= header ? static_cast<uint8_t>(pointer & 0xfc) : uint8_t{0};
}

}  // namespace

uint16_t Function::vendor() const { return read16(PCI_VENDOR_ID); }
uint16_t Function::device() const { return read16(PCI_DEVICE_ID); }
uint16_t Function::subsystem() const { return read16(PCI_SUBSYSTEM_ID); }

uint8_t Function::first_capability() const {
    if (!(read16(PCI_STATUS) & PCI_STATUS_CAP_LIST)) return 0;
    return sound_capability(read8(PCI_CAPABILITY_LIST));
}

uint8_t Function::next_capability(uint8_t at) const { return sound_capability(read8(static_cast<uint8_t>(at + PCI_CAP_LIST_NEXT))); }

// Section 6.2.5.1: the bits that cannot be set tell the size.
std::optional<Bar> Function::bar(unsigned index) const {
    if (index >= bar_count) return std::nullopt;
    const uint16_t command = read16(PCI_COMMAND);
    write16(PCI_COMMAND, static_cast<uint16_t>(command & ~decoding));
    const auto probe = [this](uint8_t offset) {
        const uint32_t before = read32(offset);
        write32(offset, ~uint32_t{0});
        const uint32_t mask = read32(offset);
        write32(offset, before);
        return std::pair{before, mask};
    };
    const auto [low, low_mask] = probe(bar_offset(index));
    Bar bar{};
    bar.io = low & PCI_BASE_ADDRESS_SPACE_IO;
    bar.wide = !bar.io && (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 && index + 1 < bar_count;
    const uint32_t flags = bar.io ? 3 : 15;
    uint64_t settable = low_mask & ~flags;
    bar.address = low & ~flags;
    if (bar.wide) {
        const auto [high, high_mask] = probe(bar_offset(index + 1));
        settable |= uint64_t{high_mask} << 32;
        bar.address |= uint64_t{high} << 32;
    }
    write16(PCI_COMMAND, command);
    if (settable == 0 || low_mask == ~uint32_t{0}) return std::nullopt;
    bar.size = settable & (~settable + 1);  // the lowest bit
    return bar;
}

void Function::set_bar(unsigned index, const Bar& bar, uint64_t address) const {
    write32(bar_offset(index), static_cast<uint32_t>(address));
    if (bar.wide) write32(bar_offset(index + 1), static_cast<uint32_t>(address >> 32));
}

void Function::enable() const {
    write16(PCI_COMMAND, read16(PCI_COMMAND) | decoding | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

}  // namespace eremite::drivers::pci

#pragma once
// The configuration space of a machine, for tests: functions with BARs whose low bits cannot be set.
#include <linux/pci_regs.h>

#include <array>
#include <cstring>
#include <map>

#include "libos/drivers/pci/configuration.hpp"

namespace eremite::test {

struct FakeFunction {
    std::array<uint8_t, 256> bytes{};
    std::array<uint32_t, 6> bar_masks{};  // bits that can be set

    template <typename T>
    FakeFunction& with(uint8_t offset, T value) {
        std::memcpy(bytes.data() + offset, &value, sizeof value);
        return *this;
    }
    FakeFunction& identity(uint16_t vendor, uint16_t device) { return with<uint16_t>(PCI_VENDOR_ID, vendor).with<uint16_t>(PCI_DEVICE_ID, device); }
    // A BAR with its kind in the low bits.
    FakeFunction& bar(unsigned index, uint32_t value, uint32_t mask) {
        bar_masks[index] = mask;
        return with<uint32_t>(static_cast<uint8_t>(PCI_BASE_ADDRESS_0 + 4 * index), value);
    }
    // A capability in front of those that are there.
    FakeFunction& capability(uint8_t at, uint8_t kind) {
        const uint8_t first = bytes[PCI_CAPABILITY_LIST];
        with<uint16_t>(PCI_STATUS, PCI_STATUS_CAP_LIST).with<uint8_t>(PCI_CAPABILITY_LIST, at);
        return with<uint8_t>(at, kind).with<uint8_t>(static_cast<uint8_t>(at + 1), first);
    }
    template <typename T>
    [[nodiscard]] T get(uint8_t offset) const {
        T value;
        std::memcpy(&value, bytes.data() + offset, sizeof value);
        return value;
    }
};

class FakeConfiguration final : public drivers::pci::Configuration {
public:
    FakeFunction& add(uint8_t bus, uint8_t device, uint8_t function = 0) { return functions_[key({bus, device, function})]; }

    uint32_t read(drivers::pci::Location where, uint8_t offset, unsigned width) override {
        ++reads;
        const auto found = functions_.find(key(where));
        uint32_t value = ~uint32_t{0};
        if (found != functions_.end()) std::memcpy(&value, found->second.bytes.data() + offset, std::min<size_t>(width, 256U - offset));
        return width == 4 ? value : value & ((1u << 8 * width) - 1);
    }
    void write(drivers::pci::Location where, uint8_t offset, unsigned width, uint32_t value) override {
        const auto found = functions_.find(key(where));
        if (found == functions_.end()) return;
        FakeFunction& function = found->second;
        if (offset >= PCI_BASE_ADDRESS_0 && offset < PCI_BASE_ADDRESS_0 + 24) {
            if (function.get<uint16_t>(PCI_COMMAND) & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)) ++changed_while_decoding;
            const unsigned index = (offset - PCI_BASE_ADDRESS_0) / 4u;
            const auto before = function.get<uint32_t>(offset);
            value = (before & ~function.bar_masks[index]) | (value & function.bar_masks[index]);
        }
        std::memcpy(function.bytes.data() + offset, &value, width);
    }

    int changed_while_decoding = 0;
    uint64_t reads = 0;

private:
    static uint32_t key(drivers::pci::Location l) { return uint32_t{l.bus} << 8 | uint32_t{l.device} << 3 | l.function; }
    std::map<uint32_t, FakeFunction> functions_;
};

}  // namespace eremite::test

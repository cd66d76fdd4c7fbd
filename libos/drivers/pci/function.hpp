#pragma once
// A PCI function: its identity, its base address registers (BARs), its capabilities (PCI Local Bus 3.0, chapter 6). What it says is
// checked for bounds; lists in it are followed for a bounded time.
#include <cstdint>
#include <optional>

#include "libos/drivers/pci/configuration.hpp"

namespace eremite::drivers::pci {

inline constexpr unsigned bar_count = 6;

struct Bar {
    uint64_t address;  // 0: none was assigned
    uint64_t size;     // a power of two
    bool io;           // ports instead of memory
    bool wide;         // 64 bits: takes the next register too
};

class Function {
public:
    Function(Configuration& configuration, Location location) : configuration_{&configuration}, location_{location} {}

    [[nodiscard]] Location location() const { return location_; }
    [[nodiscard]] uint8_t read8(uint8_t offset) const { return static_cast<uint8_t>(configuration_->read(location_, offset, 1)); }
    [[nodiscard]] uint16_t read16(uint8_t offset) const { return static_cast<uint16_t>(configuration_->read(location_, offset, 2)); }
    [[nodiscard]] uint32_t read32(uint8_t offset) const { return configuration_->read(location_, offset, 4); }
    void write16(uint8_t offset, uint16_t value) const { configuration_->write(location_, offset, 2, value); }
    void write32(uint8_t offset, uint32_t value) const { configuration_->write(location_, offset, 4, value); }

    [[nodiscard]] bool present() const { return vendor() != 0xffff; }
    [[nodiscard]] uint16_t vendor() const;
    [[nodiscard]] uint16_t device() const;
    [[nodiscard]] uint16_t subsystem() const;

    // Calls visit(offset) for each capability of this kind, in their order, until it returns true. Returns whether it did.
    template <typename Visitor>
    [[nodiscard]] bool any_capability(uint8_t kind, Visitor&& visit) const {
        // A longer list would have to contain itself.
        unsigned left = 48;
        for (uint8_t at = first_capability(); at != 0 && left > 0; at = next_capability(at), --left)
            if (read8(at) == kind && visit(at)) return true;
        return false;
    }

    // The function does not decode addresses while this is found out. Nothing: it has no such BAR.
    [[nodiscard]] std::optional<Bar> bar(unsigned index) const;
    // Requires: the function does not decode addresses.
    void set_bar(unsigned index, const Bar& bar, uint64_t address) const;
    // Lets the function answer at its BARs, access memory by itself, and send messages instead of raising interrupt lines.
    void enable() const;

private:
    [[nodiscard]] uint8_t first_capability() const;
    [[nodiscard]] uint8_t next_capability(uint8_t at) const;

    Configuration* configuration_;
    Location location_;
};

}  // namespace eremite::drivers::pci

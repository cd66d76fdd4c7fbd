#pragma once
// The configuration space of PCI functions (PCI Local Bus 3.0, chapter 6), and the two ways to reach it.
#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::drivers::pci {

struct Location {
    uint8_t bus = 0;
    uint8_t device = 0;    // 0 to 31
    uint8_t function = 0;  // 0 to 7
    bool operator==(const Location&) const = default;
};

class Configuration {
public:
    // `width`: 1, 2 or 4 bytes, to which `offset` (below 256) is aligned. All ones where nothing answers.
    [[nodiscard]] virtual uint32_t read(Location where, uint8_t offset, unsigned width) = 0;
    virtual void write(Location where, uint8_t offset, unsigned width, uint32_t value) = 0;

protected:
    ~Configuration() = default;
};

// Memory, 4 KiB a function (PCI Express 5.0, 7.2.2). Mapped a bus at a time.
class MemoryConfiguration final : public Configuration {
public:
    constexpr MemoryConfiguration() = default;
    MemoryConfiguration(PhysicalAddress base, uint8_t last_bus) : base_{base}, last_bus_{last_bus} {}
    [[nodiscard]] uint32_t read(Location where, uint8_t offset, unsigned width) override;
    void write(Location where, uint8_t offset, unsigned width, uint32_t value) override;

private:
    [[nodiscard]] std::optional<VirtualAddress> address(Location where, uint8_t offset);

    PhysicalAddress base_{};
    uint8_t last_bus_ = 0;
    uint8_t mapped_bus_ = 0;
    bool mapped_ = false;
};

// A pair of I/O ports for address and data (PCI Local Bus 3.0, 3.2.2.3.2).
class PortConfiguration final : public Configuration {
public:
    // Whether this machine has them.
    [[nodiscard]] static bool present();
    [[nodiscard]] uint32_t read(Location where, uint8_t offset, unsigned width) override;
    void write(Location where, uint8_t offset, unsigned width, uint32_t value) override;
};

}  // namespace eremite::drivers::pci

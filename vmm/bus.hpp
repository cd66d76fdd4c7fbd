#pragma once
// Who answers at which address: of I/O ports, and of memory that is none.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace eremite::vmm {

// Registers that CPUs access, in any thread, at any offset within their range and with any width.
class Registers {
public:
    // `data` is to be filled, all of it.
    virtual void read(uint64_t offset, std::span<std::byte> data) = 0;
    virtual void write(uint64_t offset, std::span<const std::byte> data) = 0;

protected:
    ~Registers() = default;
};

// Filled before the first CPU runs, and not changed afterwards.
class Bus {
public:
    // Requires: no overlap with what is there; `registers` lives as long. `name`: for statistics.
    void add(uint64_t address, uint64_t size, Registers& registers, std::string name = {}) { places_.push_back({address, size, &registers, std::move(name)}); }
    // Where nobody answers, all bits are set, and writes go nowhere. An access that goes beyond its place's end is as long as it is. Returns which
    // place it was, in the order in which they were added; size() for nobody.
    size_t read(uint64_t address, std::span<std::byte> data) const;
    size_t write(uint64_t address, std::span<const std::byte> data) const;

    [[nodiscard]] size_t size() const { return places_.size(); }
    [[nodiscard]] const std::string& name(size_t place) const { return places_[place].name; }

private:
    struct Place {
        uint64_t address, size;
        Registers* registers;
        std::string name;
    };
    [[nodiscard]] size_t find(uint64_t address) const;
    std::vector<Place> places_;
};

}  // namespace eremite::vmm

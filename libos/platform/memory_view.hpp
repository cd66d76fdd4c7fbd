#pragma once
// Physical memory that firmware filled.
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"

namespace eremite::platform {

// How firmware's tables are read. A view may map memory as it is asked for.
class MemoryView {
public:
    // The bytes [address, address + length); nothing when not all of them can be read. What was returned stays readable
    // while the view lives.
    [[nodiscard]] virtual std::optional<std::span<const uint8_t>> bytes(PhysicalAddress address, uint64_t length) = 0;

protected:
    ~MemoryView() = default;
};

// Physical memory from address 0 to `size`, which stands at `base`.
class FlatMemoryView final : public MemoryView {
public:
    FlatMemoryView(const uint8_t* base, uint64_t size) : base_{base}, size_{size} {}
    [[nodiscard]] std::optional<std::span<const uint8_t>> bytes(PhysicalAddress address, uint64_t length) override {
        if (address.value > size_ || length > size_ - address.value) return std::nullopt;
        return std::span{base_ + address.value, length};
    }

private:
    const uint8_t* base_;
    uint64_t size_;
};

}  // namespace eremite::platform

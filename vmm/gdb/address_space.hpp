#pragma once
// How a processor's page tables translate addresses (Intel's manual, volume 3, chapter 5 "Paging"). The tables are the guest's: whatever stands
// in them, a walk ends, and leads into the guest's memory or nowhere.
#include <cstdint>
#include <optional>

#include "vmm/guest_memory.hpp"

namespace eremite::vmm::gdb {

struct PagingState {
    uint64_t cr0 = 0, cr3 = 0, cr4 = 0, efer = 0;
    [[nodiscard]] bool is_on() const;
};

struct Translation {
    uint64_t physical = 0;
    bool user = false, executable = false;
};

constexpr uint64_t page_size = 4096;

// Nothing: it is not mapped, or by tables of 32 bits, which are not looked at. Without paging each address is its own.
[[nodiscard]] std::optional<Translation> translate(const GuestMemory& memory, const PagingState& state, uint64_t address);

}  // namespace eremite::vmm::gdb

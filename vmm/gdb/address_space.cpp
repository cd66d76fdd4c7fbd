#include "vmm/gdb/address_space.hpp"

#include <asm/processor-flags.h>

#include <cstring>

namespace eremite::vmm::gdb {

namespace {

constexpr uint64_t long_mode = uint64_t{1} << 10;
constexpr uint64_t present = 1, user = 4, large = 0x80, no_execute = uint64_t{1} << 63;
constexpr uint64_t address_bits = 0x000ffffffffff000;
constexpr unsigned page_shift = 12, index_bits = 9, widest_large_level = 3;

}  // namespace

bool PagingState::is_on() const { return (cr0 & X86_CR0_PG) != 0; }

std::optional<Translation> translate(const GuestMemory& memory, const PagingState& state, uint64_t address) {
    if (!state.is_on()) return Translation{.physical = address, .user = true, .executable = true};
    if ((state.efer & long_mode) == 0) return std::nullopt;
    const unsigned levels = (state.cr4 & X86_CR4_LA57) != 0 ? 5 : 4;
    // The bits above those that are translated repeat the highest of them.
    const unsigned unused = 64 - page_shift - levels * index_bits;
    if (static_cast<uint64_t>(static_cast<int64_t>(address << unused) >> unused) != address) return std::nullopt;
    Translation translation{.physical = 0, .user = true, .executable = true};
    uint64_t table = state.cr3 & address_bits;
    for (unsigned level = levels; level > 0; --level) {
        const unsigned shift = page_shift + (level - 1) * index_bits;
        const auto bytes = memory.piece(table + (address >> shift & ((1U << index_bits) - 1)) * sizeof(uint64_t), sizeof(uint64_t));
        if (bytes.empty()) return std::nullopt;
        uint64_t entry = 0;
        std::memcpy(&entry, bytes.data(), sizeof entry);
        if ((entry & present) == 0) return std::nullopt;
        translation.user = translation.user && (entry & user) != 0;
        translation.executable = translation.executable && (entry & no_execute) == 0;
        const bool last = level == 1 || (level <= widest_large_level && (entry & large) != 0);
        if (!last) {
            table = entry & address_bits;
            continue;
        }
        const uint64_t within = (uint64_t{1} << shift) - 1;
        translation.physical = (entry & address_bits & ~within) | (address & within);
        return translation;
    }
    return std::nullopt;
}

}  // namespace eremite::vmm::gdb

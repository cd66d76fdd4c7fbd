#pragma once
// Breakpoints that are instructions of the guest: INT3 in the place of its own. Addresses are virtual, and what they lead to changes while a guest
// starts and loads programs: each breakpoint follows its address, and one that leads nowhere yet waits.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include "vmm/gdb/address_space.hpp"
#include "vmm/gdb/target.hpp"

namespace eremite::vmm::gdb {

class Patches {
public:
    static constexpr std::byte int3{0xcc};
    static constexpr size_t most = 4096;

    // The image is what stands from `image_start` to `image_end`, in physical addresses. The memory lives as long.
    Patches(const GuestMemory& memory, uint64_t image_start, uint64_t image_end) : memory_{memory}, image_start_{image_start}, image_end_{image_end} {}

    // False: there are too many.
    [[nodiscard]] bool add(uint64_t address, Breakpoint::Kind kind);
    void remove(uint64_t address, Breakpoint::Kind kind);
    void remove_all();
    // Where a breakpoint stands: of which kind.
    [[nodiscard]] std::optional<Breakpoint::Kind> at(uint64_t address) const;
    [[nodiscard]] bool empty() const { return places_.empty(); }
    // Some are nowhere in memory yet, or perhaps not where they will be.
    [[nodiscard]] bool waits() const;
    [[nodiscard]] bool waits_for(uint64_t page) const;
    // Puts each where its address leads.
    void follow(const PagingState& state);

    // Bytes that were read from, or are to be written to, physical memory, within a page: as if there were no breakpoints.
    void hide(uint64_t physical, std::span<std::byte> bytes) const;
    void keep(uint64_t physical, std::span<std::byte> bytes);

private:
    struct Place {
        Breakpoint::Kind kind;
        std::optional<uint64_t> physical;
        std::byte original{};
        bool settled = false;
    };
    void put(Place& place, uint64_t physical) const;
    void take_away(Place& place) const;
    [[nodiscard]] bool is_image(uint64_t physical) const { return physical >= image_start_ && physical < image_end_; }

    const GuestMemory& memory_;
    uint64_t image_start_, image_end_;
    std::map<uint64_t, Place> places_;
};

}  // namespace eremite::vmm::gdb

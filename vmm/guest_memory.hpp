#pragma once
// The memory of a virtual machine: one mapping of this process, and of the guest. It is private, and anonymous unless it begins as a snapshot, since hosts give large pages to such
// memory (and not to that of memfd_create(2), as they are usually set up), which take a tenth of the time to make, and fewer misses of the TLB.
// What the guest says about it, addresses above all, is hostile: it is reached by piece() alone. The guest may change what stands there at any
// time, so it is read once and then checked.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vmm/error.hpp"
#include "vmm/page_map.hpp"

namespace eremite::vmm {

// A file that has what stands in memory, from this offset on, which is a multiple of a page.
struct MemoryImage {
    int file;
    uint64_t offset, size;
};

class GuestMemory {
public:
    // A part of the guest's physical addresses that is memory.
    struct Region {
        uint64_t address;
        std::span<std::byte> bytes;
    };
    // Memory below ends here, so that devices find room below 4 GiB; the rest of it is at 4 GiB.
    static constexpr uint64_t low_end = uint64_t{3} << 30, high_start = uint64_t{4} << 30;

    enum class Pages : uint8_t {
        Small,  // and large ones where the host gives them by itself
        Huge,   // of the host's pool, all of them taken at once
    };

    // `size`: bytes, rounded up to whole pages. Throws Error: too little memory on the host, or none at all was asked for.
    explicit GuestMemory(uint64_t size, Pages pages = Pages::Small);
    // Memory that begins as the image, which is not changed: pages that are written are copies. Throws Error.
    explicit GuestMemory(const MemoryImage& image);
    GuestMemory(const GuestMemory&) = delete;
    GuestMemory& operator=(const GuestMemory&) = delete;
    ~GuestMemory();

    // The bytes from a guest-physical address on; empty if they are not all memory, in one region, or if `length` is 0.
    [[nodiscard]] std::span<std::byte> piece(uint64_t address, uint64_t length) const;
    [[nodiscard]] std::span<const Region> regions() const { return regions_; }
    [[nodiscard]] uint64_t size() const { return size_; }
    // For what follows, which knows nothing before (PageMap::open()); pages take SYS_pread64 from then on.
    void open_page_map() { pages_.open(); }
    // How much of it the host has given, in bytes, with the pages of zeros that were only read.
    [[nodiscard]] uint64_t resident() const { return pages_.resident(all()); }
    // Whether that counts as this process's memory for the host, which leaves out pages of its pool.
    [[nodiscard]] bool is_ordinary() const { return kind_ != Pages::Huge; }
    // The first piece at or behind `offset` that may be other than zero, of the regions one after the other; of size 0: there is none. What was never
    // touched is not looked at, for to look at it takes memory.
    [[nodiscard]] PageMap::Run next_touched(uint64_t offset) const;

private:
    void map(int flags, int file, uint64_t offset, const std::function<Error()>& failure);
    [[nodiscard]] std::span<std::byte> all() const { return {mapping_, size_}; }

    Pages kind_ = Pages::Small;
    bool begins_as_image_ = false;
    uint64_t size_;
    std::byte* mapping_ = nullptr;
    PageMap pages_;
    std::vector<Region> regions_;
};

}  // namespace eremite::vmm

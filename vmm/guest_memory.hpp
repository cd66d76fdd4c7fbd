#pragma once
// The memory of a virtual machine: one file in memory (memfd_create(2)), mapped here and in the guest. What the guest says about it, addresses
// above all, is hostile: it is reached by piece() alone. The guest may change what stands there at any time, so it is read once and then checked.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

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
    // How much of it the host has given, in bytes.
    [[nodiscard]] uint64_t resident() const;
    // The file behind it, whose offsets are those of the regions one after the other. -1: it began as an image.
    [[nodiscard]] int descriptor() const { return file_.get(); }

private:
    void map(int flags, int file, uint64_t offset, const std::function<Error()>& failure);

    uint64_t size_;
    UniqueFd file_;
    std::byte* mapping_ = nullptr;
    std::vector<Region> regions_;
};

// All of this memory is going to be written: its pages are made at once, where the host can (Linux 5.14), and not by a fault for each.
void prepare_to_write(std::span<std::byte> bytes);

}  // namespace eremite::vmm

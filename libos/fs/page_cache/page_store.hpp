#pragma once
// What a file's cached pages are read from and written to: the file system's part of the page cache.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::fs {

// Operations may wait, and are called without a spinlock. Frames are pages of 4 KiB anywhere in memory, for scatter and gather.
class PageStore {
public:
    // Pages of the file that are neighbours, from `offset` on, a multiple of 4096; of the last frame a part may be all that counts.
    struct Pages {
        uint64_t offset;
        std::span<const PhysicalAddress> frames;
        size_t length;
    };

    // Reads the file's bytes from `offset`, a multiple of 4096, into the frames. Returns how many there were: fewer than the frames
    // hold only at the end of the file; the rest is up to the cache. EIO.
    [[nodiscard]] virtual Result<size_t> read_pages(uint64_t offset, std::span<const PhysicalAddress> frames) = 0;
    // Writes `length` bytes, of which the last frame may hold only a part: all of them, or it fails. Runs also where memory is short:
    // what it needs has to be there before. EIO, ENOSPC.
    [[nodiscard]] virtual Result<void> write_pages(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) = 0;
    // The same for pages in several places, in their order, for stores that can have several requests under way. After an error some of it
    // is written.
    [[nodiscard]] virtual Result<void> write_scattered(std::span<const Pages> places) {
        for (const Pages& pages : places) TRY(write_pages(pages.offset, pages.frames, pages.length));
        return {};
    }
    // Before these bytes become dirty: makes sure that there is room for them, where that is scarce. Returns for how many there is, from
    // `offset` on. ENOSPC: for none.
    [[nodiscard]] virtual Result<size_t> prepare_write(uint64_t /*offset*/, size_t length) { return length; }
    // Whether there is room for a page without looking. Does not wait, and is called under locks.
    [[nodiscard]] virtual bool has_room() const { return true; }
    // Makes the file longer or shorter (ftruncate(2)). No write is under way beyond the new end.
    [[nodiscard]] virtual Result<void> store_size(uint64_t size) = 0;

protected:
    ~PageStore() = default;
};

}  // namespace eremite::fs

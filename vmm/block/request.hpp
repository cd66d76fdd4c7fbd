#pragma once
// What a driver asks of a disk (virtio 1.2 section 5.2.6), read once and checked.
#include <linux/virtio_blk.h>

#include <vector>

#include "vmm/block/disk.hpp"
#include "vmm/block/io_engine.hpp"
#include "vmm/virtio/queue.hpp"

namespace eremite::vmm::block {

struct Request {
    enum class Kind : uint8_t { Read, Write, Flush, Discard, WriteZeroes, Identify, None };
    Kind kind = Kind::None;
    // Of None: the answer, VIRTIO_BLK_S_IOERR or VIRTIO_BLK_S_UNSUPP.
    uint8_t refusal = VIRTIO_BLK_S_OK;
    bool may_unmap = false;           // of WriteZeroes: a hole will do
    uint64_t offset = 0, length = 0;  // bytes; whole sectors, and inside the disk
    std::vector<iovec> memory;        // of Read, Write and Identify
};

// Of a discard, or of zeroes: what a host does soon. A request has one range.
inline constexpr uint32_t most_range_sectors = uint32_t{1 << 30} / sector_size;

// Fills `request`, whose vector is used again. Requires: the chain has a byte to write.
void parse(const virtio::Chain& chain, const Disk& disk, Request& request);

// `length` bytes of `pieces` from `skip` on, in `into`, which has to be empty.
void slice(std::span<const iovec> pieces, size_t skip, size_t length, std::vector<iovec>& into);

}  // namespace eremite::vmm::block

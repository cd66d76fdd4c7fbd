#include "vmm/block/request.hpp"

#include <algorithm>

#include "vmm/virtio/device.hpp"

namespace eremite::vmm::block {

namespace {

void refuse(Request& request, uint8_t why) {
    request.kind = Request::Kind::None;
    request.refusal = why;
}

// Whether these sectors are some, and the disk has them all.
bool is_inside(const Disk& disk, uint64_t sector, uint64_t count) { return count != 0 && sector <= disk.sectors && count <= disk.sectors - sector; }

void parse_transfer(const virtio::Chain& chain, const Disk& disk, uint64_t sector, Request& request) {
    const bool reads = request.kind == Request::Kind::Read;
    // Section 5.2.6: a header before what is written, a status behind what is read.
    const size_t length = reads ? chain.writable_bytes - 1 : chain.readable_bytes - sizeof(virtio_blk_outhdr);
    if (length % sector_size != 0 || !is_inside(disk, sector, length / sector_size) || (disk.read_only && !reads)) return refuse(request, VIRTIO_BLK_S_IOERR);
    request.offset = sector * sector_size;
    request.length = length;
    slice(reads ? chain.writable : chain.readable, reads ? 0 : sizeof(virtio_blk_outhdr), length, request.memory);
}

void parse_range(const virtio::Chain& chain, const Disk& disk, Request& request) {
    virtio_blk_discard_write_zeroes range{};
    if (chain.readable_bytes != sizeof(virtio_blk_outhdr) + sizeof range) return refuse(request, VIRTIO_BLK_S_IOERR);
    virtio::copy_from(chain.readable, sizeof(virtio_blk_outhdr), std::as_writable_bytes(std::span{&range, 1}));
    // Section 5.2.6.2: flags that are not known, and unmapping where nothing else can be meant.
    const uint32_t known = request.kind == Request::Kind::WriteZeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
    if ((range.flags & ~known) != 0 || !disk.can_punch) return refuse(request, disk.read_only ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_UNSUPP);
    if (range.num_sectors > most_range_sectors || !is_inside(disk, range.sector, range.num_sectors)) return refuse(request, VIRTIO_BLK_S_IOERR);
    request.may_unmap = range.flags != 0;
    request.offset = range.sector * sector_size;
    request.length = uint64_t{range.num_sectors} * sector_size;
}

Request::Kind kind_of(uint32_t type) {
    switch (type) {
        case VIRTIO_BLK_T_IN: return Request::Kind::Read;
        case VIRTIO_BLK_T_OUT: return Request::Kind::Write;
        case VIRTIO_BLK_T_FLUSH: return Request::Kind::Flush;
        case VIRTIO_BLK_T_GET_ID: return Request::Kind::Identify;
        case VIRTIO_BLK_T_DISCARD: return Request::Kind::Discard;
        case VIRTIO_BLK_T_WRITE_ZEROES: return Request::Kind::WriteZeroes;
        default: return Request::Kind::None;
    }
}

}  // namespace

void parse(const virtio::Chain& chain, const Disk& disk, Request& request) {
    request.memory.clear();
    request.may_unmap = false;
    request.offset = request.length = 0;
    virtio_blk_outhdr header{};
    if (virtio::copy_from(chain.readable, 0, std::as_writable_bytes(std::span{&header, 1})) != sizeof header) return refuse(request, VIRTIO_BLK_S_IOERR);
    request.kind = kind_of(header.type);
    request.refusal = VIRTIO_BLK_S_OK;
    switch (request.kind) {
        case Request::Kind::Read:
        case Request::Kind::Write: return parse_transfer(chain, disk, header.sector, request);
        case Request::Kind::Discard:
        case Request::Kind::WriteZeroes: return parse_range(chain, disk, request);
        case Request::Kind::Identify: return slice(chain.writable, 0, std::min<size_t>(chain.writable_bytes - 1, VIRTIO_BLK_ID_BYTES), request.memory);
        case Request::Kind::Flush: return;
        case Request::Kind::None: return refuse(request, VIRTIO_BLK_S_UNSUPP);
    }
}

void slice(std::span<const iovec> pieces, size_t skip, size_t length, std::vector<iovec>& into) {
    for (const iovec& piece : pieces) {
        if (length == 0) return;
        if (skip >= piece.iov_len) {
            skip -= piece.iov_len;
            continue;
        }
        const size_t count = std::min(piece.iov_len - skip, length);
        into.push_back({static_cast<std::byte*>(piece.iov_base) + skip, count});
        length -= count;
        skip = 0;
    }
}

}  // namespace eremite::vmm::block

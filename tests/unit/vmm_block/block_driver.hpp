#pragma once
// A driver of a virtio disk: requests and their answers.
#include <linux/virtio_blk.h>

#include <memory>

#include "temporary_file.hpp"
#include "tests/unit/vmm_core/guest.hpp"
#include "vmm/block/block_device.hpp"

namespace eremite::test {

constexpr uint64_t flush_feature = feature_bit(VIRTIO_BLK_F_FLUSH);

// A request in the guest's memory.
struct BlockRequest {
    virtio::Segment header, data, status;
    std::vector<virtio::Segment> readable, writable;
};

class BlockDriver {
public:
    explicit BlockDriver(Guest& guest) : guest_{guest} {}

    // `out`: what the device reads behind the header; `in`: room for what it writes before the status.
    BlockRequest make(uint32_t type, uint64_t sector, std::string_view out = {}, size_t in = 0) {
        BlockRequest request{guest_.heap.segment(sizeof(virtio_blk_outhdr)), {}, guest_.heap.segment(1), {}, {}};
        guest_.heap.put(request.header, virtio_blk_outhdr{type, 0, sector});
        guest_.heap.put(request.status, '\xff');
        request.readable = {request.header};
        if (!out.empty()) {
            request.data = guest_.heap.segment(out.size());
            guest_.heap.write(request.data, out);
            request.readable.push_back(request.data);
        }
        if (in != 0) {
            request.data = guest_.heap.segment(in);
            request.writable.push_back(request.data);
        }
        request.writable.push_back(request.status);
        return request;
    }
    BlockRequest make_range(uint32_t type, uint64_t sector, uint32_t count, uint32_t flags = 0) {
        const virtio_blk_discard_write_zeroes range{sector, count, flags};
        return make(type, 0, {reinterpret_cast<const char*>(&range), sizeof range});
    }
    void send(const BlockRequest& request, uintptr_t token = 0) { guest_.send(0, request.readable, request.writable, reinterpret_cast<void*>(token)); }
    [[nodiscard]] uint8_t status(const BlockRequest& request) const { return static_cast<uint8_t>(guest_.heap.text(request.status)[0]); }
    // Until it is done; bytes that were written.
    uint32_t written = 0;
    uint8_t run(const BlockRequest& request) {
        send(request);
        written = guest_.wait(0).written;
        return status(request);
    }
    uint8_t write(uint64_t sector, std::string_view text) { return run(make(VIRTIO_BLK_T_OUT, sector, text)); }
    uint8_t flush() { return run(make(VIRTIO_BLK_T_FLUSH, 0)); }
    std::string read(uint64_t sector, size_t bytes) {
        const BlockRequest request = make(VIRTIO_BLK_T_IN, sector, {}, bytes);
        EXPECT_EQ(run(request), VIRTIO_BLK_S_OK);
        EXPECT_EQ(written, bytes + 1);
        return guest_.heap.text(request.data);
    }

private:
    Guest& guest_;
};

}  // namespace eremite::test

// Requests of drivers, as they should be and as they should not.
#include "vmm/block/request.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace eremite::test {
namespace {

using vmm::block::Disk;
using vmm::block::Request;

constexpr uint64_t sectors = 100;

struct RequestTest : ::testing::Test {
    Disk disk{.file = {}, .sectors = sectors, .can_punch = true};
    vmm::virtio::Chain chain;
    Request request;
    std::vector<std::byte> readable, writable;

    // What the driver sends: a header and data behind it, and room for data and the status; in pieces of so many bytes.
    void send(uint32_t type, uint64_t sector, size_t out, size_t in, size_t piece = 4096) {
        const virtio_blk_outhdr header{type, 0, sector};
        readable.resize(sizeof header + out);
        std::memcpy(readable.data(), &header, sizeof header);
        writable.resize(in + 1);
        cut(piece);
    }
    void send_range(uint32_t type, uint64_t sector, uint32_t count, uint32_t flags = 0) {
        send(type, 0, sizeof(virtio_blk_discard_write_zeroes), 0);
        const virtio_blk_discard_write_zeroes range{sector, count, flags};
        std::memcpy(readable.data() + sizeof(virtio_blk_outhdr), &range, sizeof range);
        vmm::block::parse(chain, disk, request);
    }
    void cut(size_t piece) {
        chain = {};
        for (size_t at = 0; at < readable.size(); at += piece) chain.readable.push_back({readable.data() + at, std::min(piece, readable.size() - at)});
        for (size_t at = 0; at < writable.size(); at += piece) chain.writable.push_back({writable.data() + at, std::min(piece, writable.size() - at)});
        chain.readable_bytes = readable.size();
        chain.writable_bytes = writable.size();
        vmm::block::parse(chain, disk, request);
    }
    void expect_refused(uint8_t why = VIRTIO_BLK_S_IOERR) {
        EXPECT_EQ(request.kind, Request::Kind::None);
        EXPECT_EQ(request.refusal, why);
    }
    size_t memory_bytes() {
        size_t sum = 0;
        for (const iovec& piece : request.memory) sum += piece.iov_len;
        return sum;
    }
};

TEST_F(RequestTest, Read) {
    send(VIRTIO_BLK_T_IN, 3, 0, 1024);
    EXPECT_EQ(request.kind, Request::Kind::Read);
    EXPECT_EQ(request.offset, 3 * 512U);
    EXPECT_EQ(request.length, 1024U);
    ASSERT_EQ(request.memory.size(), 1U);
    EXPECT_EQ(request.memory[0].iov_base, writable.data());
    EXPECT_EQ(request.memory[0].iov_len, 1024U) << "without the status";
}

TEST_F(RequestTest, Write) {
    send(VIRTIO_BLK_T_OUT, 98, 1024, 0);
    EXPECT_EQ(request.kind, Request::Kind::Write);
    EXPECT_EQ(request.offset, 98 * 512U);
    ASSERT_EQ(request.memory.size(), 1U);
    EXPECT_EQ(request.memory[0].iov_base, readable.data() + 16);
    EXPECT_EQ(request.memory[0].iov_len, 1024U);
}

// Section 2.7.4.1: the pieces say nothing.
TEST_F(RequestTest, HeaderAndStatusInAnyPieces) {
    for (const size_t piece : {1U, 3U, 16U, 17U, 512U, 513U}) {
        send(VIRTIO_BLK_T_OUT, 1, 512, 0, piece);
        ASSERT_EQ(request.kind, Request::Kind::Write) << piece;
        EXPECT_EQ(memory_bytes(), 512U) << piece;
        EXPECT_EQ(request.memory[0].iov_base, readable.data() + 16) << piece;
        send(VIRTIO_BLK_T_IN, 1, 0, 512, piece);
        ASSERT_EQ(request.kind, Request::Kind::Read) << piece;
        EXPECT_EQ(memory_bytes(), 512U) << piece;
        EXPECT_EQ(static_cast<std::byte*>(request.memory.back().iov_base) + request.memory.back().iov_len, &writable.back()) << piece;
    }
}

TEST_F(RequestTest, BeyondTheEnd) {
    for (const uint32_t type : {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT}) {
        const size_t out = type == VIRTIO_BLK_T_OUT ? 1024 : 0;
        for (const uint64_t sector : {sectors - 1, sectors, uint64_t{1} << 54, uint64_t{1} << 55, UINT64_MAX / 512, UINT64_MAX - 1, UINT64_MAX}) {
            send(type, sector, out, 1024 - out);
            expect_refused();
        }
        send(type, sectors - 2, out, 1024 - out);
        EXPECT_NE(request.kind, Request::Kind::None);
    }
}

TEST_F(RequestTest, NotWholeSectors) {
    for (const size_t length : {0U, 1U, 511U, 513U, 1023U}) {
        send(VIRTIO_BLK_T_IN, 0, 0, length);
        expect_refused();
        send(VIRTIO_BLK_T_OUT, 0, length, 0);
        expect_refused();
    }
}

TEST_F(RequestTest, HeaderThatIsTooShort) {
    for (const size_t length : {0U, 1U, 15U}) {
        readable.assign(length, std::byte{0});
        writable.assign(513, std::byte{0});
        cut(4096);
        expect_refused();
    }
}

TEST_F(RequestTest, ReadOnly) {
    disk.read_only = true;
    disk.can_punch = false;
    send(VIRTIO_BLK_T_OUT, 0, 512, 0);
    expect_refused();
    send_range(VIRTIO_BLK_T_DISCARD, 0, 8);
    expect_refused();
    send_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8);
    expect_refused();
    send(VIRTIO_BLK_T_IN, 0, 0, 512);
    EXPECT_EQ(request.kind, Request::Kind::Read);
    send(VIRTIO_BLK_T_FLUSH, 0, 0, 0);
    EXPECT_EQ(request.kind, Request::Kind::Flush);
}

TEST_F(RequestTest, Ranges) {
    send_range(VIRTIO_BLK_T_DISCARD, 8, 16);
    EXPECT_EQ(request.kind, Request::Kind::Discard);
    EXPECT_EQ(request.offset, 8 * 512U);
    EXPECT_EQ(request.length, 16 * 512U);
    send_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, sectors);
    EXPECT_EQ(request.kind, Request::Kind::WriteZeroes);
    EXPECT_FALSE(request.may_unmap);
    send_range(VIRTIO_BLK_T_WRITE_ZEROES, sectors - 1, 1, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
    EXPECT_EQ(request.kind, Request::Kind::WriteZeroes);
    EXPECT_TRUE(request.may_unmap);
}

TEST_F(RequestTest, RangesThatAreNone) {
    for (const uint32_t type : {VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES}) {
        send_range(type, 0, 0);
        expect_refused();
        send_range(type, sectors, 1);
        expect_refused();
        send_range(type, 0, sectors + 1);
        expect_refused();
        send_range(type, UINT64_MAX, 1);
        expect_refused();
        send_range(type, UINT64_MAX / 512 + 1, 1);
        expect_refused();
        send_range(type, 0, 8, 2);
        expect_refused(VIRTIO_BLK_S_UNSUPP);
        for (const size_t length : {0U, 15U, 17U, 32U}) {
            send(type, 0, length, 0);
            expect_refused();
        }
    }
    send_range(VIRTIO_BLK_T_DISCARD, 0, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
    expect_refused(VIRTIO_BLK_S_UNSUPP);
    disk.sectors = uint64_t{1} << 40;
    send_range(VIRTIO_BLK_T_DISCARD, 0, vmm::block::most_range_sectors);
    EXPECT_EQ(request.kind, Request::Kind::Discard);
    send_range(VIRTIO_BLK_T_DISCARD, 0, vmm::block::most_range_sectors + 1);
    expect_refused();
    disk.can_punch = false;
    send_range(VIRTIO_BLK_T_DISCARD, 0, 8);
    expect_refused(VIRTIO_BLK_S_UNSUPP);
}

TEST_F(RequestTest, Identify) {
    send(VIRTIO_BLK_T_GET_ID, 0, 0, 20);
    EXPECT_EQ(request.kind, Request::Kind::Identify);
    EXPECT_EQ(memory_bytes(), 20U);
    send(VIRTIO_BLK_T_GET_ID, 0, 0, 5);
    EXPECT_EQ(memory_bytes(), 5U);
    send(VIRTIO_BLK_T_GET_ID, 0, 0, 512);
    EXPECT_EQ(memory_bytes(), 20U);
    send(VIRTIO_BLK_T_GET_ID, 0, 0, 0);
    EXPECT_EQ(memory_bytes(), 0U);
}

TEST_F(RequestTest, TypesThatAreNotKnown) {
    for (const uint32_t type : {2U, 3U, 5U, 6U, 7U, 9U, 10U, 12U, 14U, 15U, 0x80000000U, UINT32_MAX}) {
        send(type, 0, 512, 512);
        expect_refused(VIRTIO_BLK_S_UNSUPP);
    }
}

}  // namespace
}  // namespace eremite::test

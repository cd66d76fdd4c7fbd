// The device with files of the host.
#include "vmm/block/block_device.hpp"

#include "block_driver.hpp"
#include "tests/random.hpp"
#include "vmm/block/thread_engine.hpp"
#include "vmm/block/uring_engine.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using vmm::block::BlockDevice;

constexpr off_t disk_bytes = 1 << 20;
std::string sectors_of(char letter, size_t count = 1) { return std::string(512 * count, letter); }

struct BlockDeviceTest : ::testing::TestWithParam<bool> {
    Guest guest;
    BlockDriver driver{guest};
    TemporaryFile file{disk_bytes};

    void attach(bool read_only = false) {
        auto disk = vmm::block::open_disk(file.path(), read_only);
        std::unique_ptr<vmm::block::IoEngine> engine;
        if (GetParam()) engine = vmm::block::UringEngine::make(disk.file.get(), BlockDevice::depth);
        else engine = std::make_unique<vmm::block::ThreadEngine>(disk.file.get());
        if (!engine) GTEST_SKIP() << "the host has no io_uring";
        guest.attach([&](const vmm::GuestMemory&, vmm::virtio::Host& host) {
            return std::make_unique<BlockDevice>(host, "disk0", std::move(disk), "volume-one", std::move(engine));
        });
    }
    void bring_up(uint64_t features = flush_feature, virtio::QueueShape shape = {.size = 256, .indirect_segments = 64, .event_index = true}) {
        attach();
        if (!IsSkipped()) guest.bring_up(features, 1, shape);
    }
};

INSTANTIATE_TEST_SUITE_P(, BlockDeviceTest, ::testing::Values(false, true), [](const auto& info) { return info.param ? "Uring" : "Threads"; });

TEST_P(BlockDeviceTest, SaysWhatItIs) {
    attach();
    if (IsSkipped()) return;
    EXPECT_EQ(guest.get(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_BLOCK});
    EXPECT_EQ(guest.configuration<uint64_t>(offsetof(virtio_blk_config, capacity)), 2048U);
    EXPECT_EQ(guest.configuration<uint32_t>(offsetof(virtio_blk_config, seg_max)), 254U);
    EXPECT_EQ(guest.configuration<uint32_t>(offsetof(virtio_blk_config, blk_size)), 512U);
    const uint64_t always = feature_bit(VIRTIO_BLK_F_SEG_MAX) | feature_bit(VIRTIO_BLK_F_BLK_SIZE) | flush_feature;
    EXPECT_EQ(guest.offered() & always, always);
    EXPECT_EQ(guest.offered() & feature_bit(VIRTIO_BLK_F_RO), 0U);
    const bool punches = (guest.offered() & feature_bit(VIRTIO_BLK_F_DISCARD)) != 0;
    EXPECT_EQ(guest.configuration<uint32_t>(offsetof(virtio_blk_config, max_discard_sectors)) != 0, punches);
}

TEST_P(BlockDeviceTest, WritesAndReads) {
    bring_up();
    EXPECT_EQ(driver.write(3, sectors_of('a', 2)), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.written, 1U);
    EXPECT_EQ(driver.write(2047, sectors_of('z')), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.flush(), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.read(2, 4 * 512), sectors_of('\0') + sectors_of('a', 2) + sectors_of('\0'));
    EXPECT_EQ(driver.read(2047, 512), sectors_of('z'));
    EXPECT_EQ(file.contents().substr(3 * 512, 1024), sectors_of('a', 2));
    EXPECT_EQ(file.contents().size(), size_t{disk_bytes});
}

TEST_P(BlockDeviceTest, RequestsInManyPieces) {
    bring_up();
    BlockRequest request = driver.make(VIRTIO_BLK_T_OUT, 0);
    std::string all;
    for (size_t i = 0; i < 32; ++i) {
        const std::string text(160, static_cast<char>('A' + i));
        const auto piece = guest.heap.segment(160);
        guest.heap.write(piece, text);
        all += text;
        request.readable.push_back(piece);
    }
    ASSERT_EQ(all.size() % 512, 0U);
    EXPECT_EQ(driver.run(request), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.read(0, all.size()), all);
}

TEST_P(BlockDeviceTest, DirectDescriptors) {
    bring_up(flush_feature, {.size = 8});
    for (char letter = 'a'; letter <= 'z'; ++letter) EXPECT_EQ(driver.write(static_cast<uint64_t>(letter), sectors_of(letter)), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.read('q', 1024), sectors_of('q') + sectors_of('r'));
}

TEST_P(BlockDeviceTest, SaysItsSerialNumber) {
    bring_up();
    const BlockRequest request = driver.make(VIRTIO_BLK_T_GET_ID, 0, {}, VIRTIO_BLK_ID_BYTES);
    EXPECT_EQ(driver.run(request), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.written, 21U);
    EXPECT_EQ(guest.heap.text(request.data), std::string("volume-one") + std::string(10, '\0'));
}

TEST_P(BlockDeviceTest, RefusesWhatCannotBe) {
    bring_up();
    EXPECT_EQ(driver.write(2048, sectors_of('a')), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(driver.write(0, "not a sector"), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(driver.run(driver.make(VIRTIO_BLK_T_IN, 2047, {}, 1024)), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(driver.written, 0U);
    EXPECT_EQ(driver.run(driver.make(99, 0)), VIRTIO_BLK_S_UNSUPP);
    EXPECT_EQ(driver.read(2047, 512), sectors_of('\0')) << "and goes on";
}

TEST_P(BlockDeviceTest, ReadOnly) {
    attach(true);
    if (IsSkipped()) return;
    EXPECT_NE(guest.offered() & feature_bit(VIRTIO_BLK_F_RO), 0U);
    EXPECT_EQ(guest.offered() & (feature_bit(VIRTIO_BLK_F_DISCARD) | feature_bit(VIRTIO_BLK_F_WRITE_ZEROES)), 0U);
    guest.bring_up(flush_feature | feature_bit(VIRTIO_BLK_F_RO), 1);
    EXPECT_EQ(driver.write(0, sectors_of('a')), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(driver.read(0, 512), sectors_of('\0'));
    EXPECT_EQ(driver.flush(), VIRTIO_BLK_S_OK);
}

TEST_P(BlockDeviceTest, GivesRoomBack) {
    attach();
    if (IsSkipped()) return;
    if ((guest.offered() & feature_bit(VIRTIO_BLK_F_DISCARD)) == 0) GTEST_SKIP() << "the host's file system has no holes";
    guest.bring_up(flush_feature | feature_bit(VIRTIO_BLK_F_DISCARD) | feature_bit(VIRTIO_BLK_F_WRITE_ZEROES), 1);
    ASSERT_EQ(driver.write(0, sectors_of('x', 512)), VIRTIO_BLK_S_OK);
    ASSERT_EQ(driver.flush(), VIRTIO_BLK_S_OK);
    const off_t before = file.blocks();
    EXPECT_EQ(driver.run(driver.make_range(VIRTIO_BLK_T_DISCARD, 0, 256)), VIRTIO_BLK_S_OK);
    EXPECT_LT(file.blocks(), before);
    EXPECT_EQ(driver.run(driver.make_range(VIRTIO_BLK_T_WRITE_ZEROES, 301, 2)), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.run(driver.make_range(VIRTIO_BLK_T_WRITE_ZEROES, 400, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP)), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.read(300, 4 * 512), sectors_of('x') + sectors_of('\0', 2) + sectors_of('x'));
    EXPECT_EQ(driver.read(399, 10 * 512), sectors_of('x') + sectors_of('\0', 8) + sectors_of('x'));
    EXPECT_EQ(driver.run(driver.make_range(VIRTIO_BLK_T_DISCARD, 2040, 9)), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(driver.run(driver.make_range(VIRTIO_BLK_T_DISCARD, 0, 8, 4)), VIRTIO_BLK_S_UNSUPP);
    EXPECT_EQ(file.contents().size(), size_t{disk_bytes});
}

TEST_P(BlockDeviceTest, WithoutFlushes) {
    bring_up(0);
    EXPECT_EQ(driver.write(1, sectors_of('d')), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.read(1, 512), sectors_of('d'));
    if ((guest.offered() & feature_bit(VIRTIO_BLK_F_WRITE_ZEROES)) == 0) return;
    EXPECT_EQ(driver.run(driver.make_range(VIRTIO_BLK_T_WRITE_ZEROES, 1, 1)), VIRTIO_BLK_S_OK);
    EXPECT_EQ(driver.written, 1U);
    EXPECT_EQ(driver.read(1, 512), sectors_of('\0'));
}

// Several hundred requests of all lengths, whose memory is compared with a model.
TEST_P(BlockDeviceTest, ManyAtOnce) {
    bring_up();
    Random random{2};
    std::string model(disk_bytes, '\0');
    const GuestHeap clean = guest.heap;
    for (int round = 0; round < 20; ++round) {
        guest.heap = clean;
        std::vector<BlockRequest> requests;
        // Of different parts of the disk, since requests under way have no order.
        for (uint64_t part = 0; part < 200; ++part) {
            const uint64_t sector = 10 * part + random.below(5), count = 1 + random.below(5);
            if (random.below(2) == 0) {
                const std::string text = sectors_of(static_cast<char>('a' + random.below(26)), count);
                requests.push_back(driver.make(VIRTIO_BLK_T_OUT, sector, text));
                model.replace(sector * 512, text.size(), text);
            } else {
                requests.push_back(driver.make(VIRTIO_BLK_T_IN, sector, {}, count * 512));
            }
        }
        for (const BlockRequest& request : requests) driver.send(request);
        for (size_t i = 0; i < requests.size(); ++i) guest.wait(0);
        for (const BlockRequest& request : requests) {
            ASSERT_EQ(driver.status(request), VIRTIO_BLK_S_OK);
            if (request.writable.size() == 1) continue;
            virtio_blk_outhdr header;
            std::memcpy(&header, guest.heap.bytes(request.header).data(), sizeof header);
            ASSERT_EQ(guest.heap.text(request.data), model.substr(header.sector * 512, request.data.length));
        }
    }
    EXPECT_EQ(file.contents(), model);
}

TEST_P(BlockDeviceTest, ResetWhileReadsAreUnderWay) {
    bring_up();
    const GuestHeap clean = guest.heap;
    const std::vector<std::byte> untouched(guest.memory.size(), std::byte{0x55});
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 100; ++i) driver.send(driver.make(VIRTIO_BLK_T_IN, 0, {}, 64 * 1024));
        guest.reset();
        // Now it is the guest's alone.
        const auto all = guest.memory.piece(4096, guest.memory.size() - 4096);
        std::fill(all.begin(), all.end(), std::byte{0x55});
        ASSERT_EQ(std::memcmp(all.data(), untouched.data(), all.size()), 0);
        std::fill(all.begin(), all.end(), std::byte{0});
        guest.heap = clean;
        guest.bring_up(flush_feature, 1, {.size = 128, .indirect_segments = 4});
    }
    EXPECT_EQ(driver.flush(), VIRTIO_BLK_S_OK);
}

TEST_P(BlockDeviceTest, EndsWithRequestsUnderWay) {
    bring_up();
    for (int i = 0; i < 100; ++i) driver.send(driver.make(VIRTIO_BLK_T_IN, 0, {}, 64 * 1024));
    guest.end();
}

TEST_P(BlockDeviceTest, FileThatGetsShorter) {
    bring_up();
    file.resize(4096);
    EXPECT_EQ(driver.run(driver.make(VIRTIO_BLK_T_IN, 100, {}, 512)), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(driver.run(driver.make(VIRTIO_BLK_T_IN, 7, {}, 1024)), VIRTIO_BLK_S_IOERR) << "only a part of it is there";
    EXPECT_EQ(driver.written, 512U);
    EXPECT_EQ(driver.read(7, 512), sectors_of('\0'));
}

TEST_P(BlockDeviceTest, NoRoomForTheAnswer) {
    bring_up();
    const BlockRequest request = driver.make(VIRTIO_BLK_T_FLUSH, 0);
    guest.send(0, request.readable, {});
    guest.wait_for_needs_reset();
    guest.reset();
    guest.bring_up(flush_feature, 1);
    EXPECT_EQ(driver.flush(), VIRTIO_BLK_S_OK);
}

TEST(BlockDevice, SerialNumbersHaveAnEnd) {
    Guest guest;
    const TemporaryFile file{disk_bytes};
    const auto make = [&](const std::string& serial) {
        return std::make_unique<BlockDevice>(guest.transport().host(), "disk0", vmm::block::open_disk(file.path(), false), serial);
    };
    EXPECT_NO_THROW((void)make(std::string(20, 's')));
    EXPECT_THROW((void)make(std::string(21, 's')), vmm::Error);
}

}  // namespace
}  // namespace eremite::test

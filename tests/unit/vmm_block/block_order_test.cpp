// What comes before what: with an engine whose operations end when the test says so.
#include <algorithm>
#include <cerrno>
#include <map>

#include "block_driver.hpp"

namespace eremite::test {
namespace {

using vmm::block::BlockDevice;
using vmm::block::Operation;
using vmm::block::Outcome;

class ManualEngine final : public vmm::block::IoEngine {
public:
    void submit(uint32_t slot, const Operation& operation) override { unkicked.emplace_back(slot, operation); }
    void kick() override {
        under_way.insert(under_way.end(), unkicked.begin(), unkicked.end());
        unkicked.clear();
    }
    [[nodiscard]] int event() const override { return event_.get(); }
    bool take(Outcome& outcome) override {
        if (done_.empty()) return false;
        outcome = done_.front();
        done_.erase(done_.begin());
        return true;
    }
    void wait() override {
        ++waits;
        if (done_.empty()) finish(0, whole(under_way.at(0).second));
    }
    // Ends the operation that is `at` among those under way.
    void finish(size_t at, int64_t result) {
        order += letter(under_way.at(at).second);
        done_.push_back({under_way.at(at).first, result});
        under_way.erase(under_way.begin() + static_cast<ptrdiff_t>(at));
        vmm::signal_event(event_.get());
    }
    [[nodiscard]] std::string kinds() const {
        std::string letters;
        for (const auto& [slot, operation] : under_way) letters += letter(operation);
        return letters;
    }
    std::string order;  // of those that ended

    std::vector<std::pair<uint32_t, Operation>> unkicked, under_way;
    int waits = 0;

private:
    static char letter(const Operation& operation) { return "RWSPZ"[static_cast<size_t>(operation.kind)]; }
    // The result of one that goes well.
    static int64_t whole(const Operation& operation) {
        return operation.kind == Operation::Kind::Read || operation.kind == Operation::Kind::Write ? static_cast<int64_t>(operation.length) : 0;
    }
    vmm::UniqueFd event_ = vmm::make_event();
    std::vector<Outcome> done_;
};

struct BlockOrder : ::testing::Test {
    Guest guest;
    BlockDriver driver{guest};
    ManualEngine* engine = nullptr;

    auto maker() {
        return [this](const vmm::GuestMemory&, vmm::virtio::Host& host) {
            auto made = std::make_unique<ManualEngine>();
            engine = made.get();
            return std::make_unique<BlockDevice>(host, "disk0", vmm::block::Disk{.file = {}, .sectors = 1000, .can_punch = true}, "serial", std::move(made));
        };
    }
    void SetUp() override {
        guest.attach(maker(), false);
        guest.bring_up(flush_feature, 1, {.size = 256, .indirect_segments = 8});
    }
    BlockRequest send(const BlockRequest& request, uintptr_t token = 0) {
        driver.send(request, token);
        guest.settle();
        return request;
    }
    BlockRequest write(uintptr_t token = 0) { return send(driver.make(VIRTIO_BLK_T_OUT, 8, std::string(1024, 'w')), token); }
    BlockRequest read(uintptr_t token = 0) { return send(driver.make(VIRTIO_BLK_T_IN, 8, {}, 1024), token); }
    BlockRequest flush(uintptr_t token = 0) { return send(driver.make(VIRTIO_BLK_T_FLUSH, 0), token); }
    void finish(size_t at, int64_t result) {
        engine->finish(at, result);
        guest.settle();
    }
    // Of the request that is done next; 0: none is.
    uintptr_t next() {
        const auto done = guest.queue(0)->take();
        return done ? reinterpret_cast<uintptr_t>(done->token) : 0;
    }
};

TEST_F(BlockOrder, FlushWaitsForWhatCameBefore) {
    write(1);
    write(2);
    read(3);
    flush(4);
    EXPECT_EQ(engine->kinds(), "WWR");
    finish(1, 1024);
    EXPECT_EQ(engine->kinds(), "WR");
    EXPECT_EQ(next(), 2U);
    finish(0, 1024);
    EXPECT_EQ(next(), 1U);
    EXPECT_EQ(engine->kinds(), "RS") << "reads are no matter";
    EXPECT_EQ(next(), 0U);
    finish(1, 0);
    EXPECT_EQ(next(), 4U);
    finish(0, 1024);
    EXPECT_EQ(next(), 3U);
}

TEST_F(BlockOrder, FlushDoesNotHoldUpWhatComesBehind) {
    write(1);
    flush(2);
    write(3);
    EXPECT_EQ(engine->kinds(), "WW");
    finish(0, 1024);
    EXPECT_EQ(engine->kinds(), "WS") << "nor does that hold up the flush";
    EXPECT_EQ(next(), 1U);
    finish(0, 1024);
    EXPECT_EQ(next(), 3U);
    finish(0, 0);
    EXPECT_EQ(next(), 2U);
}

TEST_F(BlockOrder, FlushesKeepTheirOrder) {
    write(1);
    flush(2);
    write(3);
    flush(4);
    finish(1, 1024);
    EXPECT_EQ(next(), 3U);
    EXPECT_EQ(engine->kinds(), "W");
    finish(0, 1024);
    EXPECT_EQ(engine->kinds(), "SS");
}

TEST_F(BlockOrder, FlushWaitsForDiscardsAndForWritesInParts) {
    send(driver.make_range(VIRTIO_BLK_T_DISCARD, 0, 8), 1);
    write(2);
    flush(3);
    EXPECT_EQ(engine->kinds(), "PW");
    finish(0, 0);
    finish(0, 512);
    EXPECT_EQ(engine->kinds(), "W");
    finish(0, 512);
    EXPECT_EQ(engine->kinds(), "S");
}

TEST_F(BlockOrder, PartsAreContinued) {
    const BlockRequest request = read(1);
    finish(0, 700);
    ASSERT_EQ(engine->kinds(), "R");
    const Operation& rest = engine->under_way[0].second;
    EXPECT_EQ(rest.offset, 8 * 512U + 700);
    EXPECT_EQ(rest.length, 324U);
    ASSERT_EQ(rest.memory.size(), 1U);
    EXPECT_EQ(rest.memory[0].iov_base, guest.heap.bytes(request.data).data() + 700);
    EXPECT_EQ(rest.memory[0].iov_len, 324U);
    EXPECT_EQ(next(), 0U);
    finish(0, 324);
    EXPECT_EQ(next(), 1U);
    EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_OK);
}

TEST_F(BlockOrder, InterruptedIsDoneAgain) {
    const BlockRequest request = write(1);
    for (const int error : {EINTR, EAGAIN, EINTR}) {
        finish(0, -error);
        EXPECT_EQ(engine->kinds(), "W");
    }
    finish(0, 1024);
    EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_OK);
}

TEST_F(BlockOrder, InterruptedForEverIsAnError) {
    const BlockRequest request = write(1);
    for (int i = 0; i < 5000 && !engine->under_way.empty(); ++i) finish(0, -EAGAIN);
    EXPECT_EQ(engine->kinds(), "");
    EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_IOERR);
}

TEST_F(BlockOrder, ErrorsOfTheHost) {
    for (const int error : {EIO, ENOSPC, EDQUOT, EFAULT, ECANCELED}) {
        const BlockRequest request = write(1);
        finish(0, -error);
        EXPECT_EQ(next(), 1U);
        EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_IOERR);
    }
    const BlockRequest sync = flush(2);
    finish(0, -EIO);
    EXPECT_EQ(next(), 2U);
    EXPECT_EQ(driver.status(sync), VIRTIO_BLK_S_IOERR);
    const BlockRequest end = read(3);
    finish(0, 0);
    EXPECT_EQ(next(), 3U);
    EXPECT_EQ(driver.status(end), VIRTIO_BLK_S_IOERR);
}

TEST_F(BlockOrder, ZerosByAHoleWhereNothingElseIs) {
    const BlockRequest request = send(driver.make_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8), 1);
    EXPECT_EQ(engine->kinds(), "Z");
    finish(0, -EOPNOTSUPP);
    EXPECT_EQ(engine->kinds(), "P");
    finish(0, 0);
    EXPECT_EQ(next(), 1U);
    EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_OK);
    send(driver.make_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8), 2);
    EXPECT_EQ(engine->kinds(), "P") << "it is known now";
    finish(0, 0);
    EXPECT_EQ(next(), 2U);
}

TEST_F(BlockOrder, NoZerosAtAll) {
    const BlockRequest request = send(driver.make_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8), 1);
    finish(0, -EOPNOTSUPP);
    finish(0, -EOPNOTSUPP);
    EXPECT_EQ(next(), 1U);
    EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_UNSUPP);
    const BlockRequest discard = send(driver.make_range(VIRTIO_BLK_T_DISCARD, 0, 8), 2);
    finish(0, -EOPNOTSUPP);
    EXPECT_EQ(next(), 2U);
    EXPECT_EQ(driver.status(discard), VIRTIO_BLK_S_OK) << "that is a hint";
}

TEST_F(BlockOrder, ResetWaits) {
    write();
    read();
    flush();
    EXPECT_EQ(engine->under_way.size(), 2U);
    guest.reset();
    EXPECT_EQ(engine->under_way.size(), 0U);
    EXPECT_EQ(engine->waits, 2);
    guest.settle();
    guest.bring_up(flush_feature, 1);
    const BlockRequest request = flush(5);
    EXPECT_EQ(engine->kinds(), "S");
    finish(0, 0);
    EXPECT_EQ(next(), 5U);
    EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_OK);
}

TEST_F(BlockOrder, WritesAreDurableWithoutFlushes) {
    write();
    EXPECT_FALSE(engine->under_way.at(0).second.durable);
    finish(0, 1024);
    guest.reset();
    guest.bring_up(0, 1);
    write(1);
    EXPECT_TRUE(engine->under_way.at(0).second.durable);
    finish(0, 1024);
    EXPECT_EQ(next(), 1U);
    send(driver.make_range(VIRTIO_BLK_T_DISCARD, 0, 8), 2);
    finish(0, 0);
    EXPECT_EQ(next(), 0U);
    EXPECT_EQ(engine->kinds(), "S");
    finish(0, 0);
    EXPECT_EQ(next(), 2U);
}

// A driver that makes more available than it has had back: a queue's worth is taken, and the rest when there is room.
TEST_F(BlockOrder, RequestsUnderWayHaveABound) {
    const BlockRequest request = driver.make(VIRTIO_BLK_T_FLUSH, 0);
    for (int i = 0; i < BlockDevice::depth; ++i) driver.send(request, 1);
    guest.settle();
    EXPECT_EQ(engine->under_way.size(), size_t{BlockDevice::depth});
    // The first of them once more, though it is not done.
    const auto setup = guest.queue(0).setup();
    const auto available = guest.heap.bytes(setup.driver_area, 4);
    uint16_t index = 0;
    std::memcpy(&index, available.data() + 2, 2);
    ++index;
    std::memcpy(available.data() + 2, &index, 2);
    guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    guest.settle();
    EXPECT_EQ(engine->under_way.size(), size_t{BlockDevice::depth});
    finish(0, 0);
    guest.settle();
    EXPECT_EQ(engine->under_way.size(), size_t{BlockDevice::depth}) << "it comes in the room of the one that is done";
}

// Nothing is under way in memory when a snapshot is written, and each request is answered once.
TEST_F(BlockOrder, SnapshotEndsWhatIsUnderWay) {
    const BlockRequest one = write(1), two = read(2), three = flush(3), four = write(4), five = flush(5);
    driver.send(driver.make(VIRTIO_BLK_T_IN, 8, {}, 512), 6);
    EXPECT_EQ(engine->kinds(), "WRW");
    const auto state = guest.save();
    EXPECT_EQ(engine->under_way.size(), 0U);
    EXPECT_EQ(engine->order.size(), 5U);
    EXPECT_LT(engine->order.find('W'), engine->order.find('S'));
    EXPECT_LT(engine->order.rfind('W'), engine->order.rfind('S'));
    for (const BlockRequest& request : {one, two, three, four, five}) EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_OK);
    EXPECT_TRUE(guest.interrupted());
    guest.restore(state, maker());
    guest.settle();
    EXPECT_EQ(engine->kinds(), "R") << "what was not taken yet";
    finish(0, 512);
    std::vector<uintptr_t> done;
    for (uintptr_t token; (token = next()) != 0;) done.push_back(token);
    std::sort(done.begin(), done.end());
    EXPECT_EQ(done, (std::vector<uintptr_t>{1, 2, 3, 4, 5, 6}));
    const BlockRequest after = flush(7);
    finish(0, 0);
    EXPECT_EQ(next(), 7U);
    EXPECT_EQ(driver.status(after), VIRTIO_BLK_S_OK);
}

TEST_F(BlockOrder, SnapshotWaitsForWhatIsDoneInParts) {
    const BlockRequest request = read(1);
    finish(0, 100);
    EXPECT_EQ(engine->kinds(), "R");
    (void)guest.save();
    EXPECT_EQ(driver.status(request), VIRTIO_BLK_S_OK);
    EXPECT_EQ(next(), 1U);
}

// The machine that is written goes on, too.
TEST_F(BlockOrder, GoesOnAfterASnapshot) {
    write(1);
    (void)guest.save();
    EXPECT_EQ(next(), 1U);
    guest.settle();
    write(2);
    EXPECT_EQ(engine->kinds(), "W");
    finish(0, 1024);
    EXPECT_EQ(next(), 2U);
}

TEST_F(BlockOrder, SnapshotOfADiskWithoutItsQueue) {
    guest.reset();
    ASSERT_TRUE(guest.negotiate(flush_feature));
    guest.start();
    guest.restore(guest.save(), maker());
    guest.reset();
    guest.bring_up(flush_feature, 1);
    flush(1);
    finish(0, 0);
    EXPECT_EQ(next(), 1U);
}

}  // namespace
}  // namespace eremite::test

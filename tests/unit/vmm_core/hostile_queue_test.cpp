// Rings as no driver should make them: the queue is broken then, and gives nothing more.
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/vmm_core/guest.hpp"
#include "vmm/virtio/queue.hpp"

namespace eremite::test {
namespace {

using vmm::virtio::Chain;
using vmm::virtio::QueueSetup;

constexpr uint64_t memory_bytes = 4 << 20;
constexpr uint64_t table_at = 0x1000, available_at = 0x2000, used_at = 0x3000, inner_at = 0x10000, data_at = 0x100000;
constexpr uint16_t size = 8;
constexpr uint16_t next_flag = VRING_DESC_F_NEXT, write_flag = VRING_DESC_F_WRITE, indirect_flag = VRING_DESC_F_INDIRECT;

struct HostileQueue : ::testing::Test {
    vmm::GuestMemory memory{memory_bytes};
    GuestHeap heap{memory};
    std::optional<vmm::virtio::Queue> queue = vmm::virtio::Queue::make(memory, {size, table_at, available_at, used_at, false}, [] {});
    Chain chain;
    uint16_t available = 0;

    template <typename T>
    void put(uint64_t at, const T& value) { std::memcpy(heap.bytes(at, sizeof value).data(), &value, sizeof value); }
    void descriptor(uint16_t at, uint64_t address, uint32_t length, uint16_t flags = 0, uint16_t next = 0, uint64_t table = table_at) {
        put(table + sizeof(vring_desc) * at, vring_desc{address, length, flags, next});
    }
    void set_available(uint16_t index) { put(available_at + 2, index); }
    void offer(uint16_t head) {
        put(available_at + 4 + 2 * (available % size), head);
        set_available(++available);
    }
    void expect_broken() {
        EXPECT_FALSE(queue->pop(chain));
        EXPECT_TRUE(queue->broken());
        // It stays so, whatever comes behind.
        descriptor(0, data_at, 1);
        offer(0);
        EXPECT_FALSE(queue->pop(chain));
        EXPECT_FALSE(queue->enable_notifications());
    }
    void expect_works() {
        EXPECT_TRUE(queue->pop(chain));
        EXPECT_FALSE(queue->broken());
    }
};

TEST_F(HostileQueue, LoopOfOne) {
    descriptor(0, data_at, 1, next_flag, 0);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, LoopOfAll) {
    for (uint16_t i = 0; i < size; ++i) descriptor(i, data_at, 1, next_flag, static_cast<uint16_t>((i + 1) % size));
    offer(3);
    expect_broken();
}

TEST_F(HostileQueue, ChainOfAllIsNoLoop) {
    for (uint16_t i = 0; i < size; ++i) descriptor(i, data_at + i, 1, i + 1 < size ? next_flag : uint16_t{0}, static_cast<uint16_t>(i + 1));
    offer(0);
    expect_works();
    EXPECT_EQ(chain.readable.size(), size);
}

TEST_F(HostileQueue, HeadOutOfRange) {
    offer(size);
    expect_broken();
}

TEST_F(HostileQueue, HeadFarOutOfRange) {
    offer(UINT16_MAX);
    expect_broken();
}

TEST_F(HostileQueue, NextOutOfRange) {
    descriptor(0, data_at, 1, next_flag, size);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, NextIsIgnoredWithoutItsFlag) {
    descriptor(0, data_at, 1, 0, UINT16_MAX);
    offer(0);
    expect_works();
}

TEST_F(HostileQueue, AddressOutsideOfMemory) {
    descriptor(0, memory_bytes, 1);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, LengthBeyondMemory) {
    descriptor(0, memory_bytes - 16, 17);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, AddressAndLengthWrap) {
    descriptor(0, UINT64_MAX - 15, 32, write_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, SecondOfAChainOutsideOfMemory) {
    descriptor(0, data_at, 1, next_flag, 1);
    descriptor(1, UINT64_MAX, UINT32_MAX, write_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, LastBytesOfMemory) {
    descriptor(0, memory_bytes - 16, 16, write_flag);
    offer(0);
    expect_works();
}

TEST_F(HostileQueue, NoBytes) {
    descriptor(0, data_at, 0);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, WritableBeforeReadable) {
    descriptor(0, data_at, 1, write_flag | next_flag, 1);
    descriptor(1, data_at, 1);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, TableOfWrongLength) {
    descriptor(0, data_at, 1, 0, 0, inner_at);
    descriptor(0, inner_at, 17, indirect_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, EmptyTable) {
    descriptor(0, inner_at, 0, indirect_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, TableOutsideOfMemory) {
    descriptor(0, memory_bytes - 16, 32, indirect_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, TableInATable) {
    descriptor(0, inner_at, 16, indirect_flag, 0, inner_at);
    descriptor(0, inner_at, 16, indirect_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, TableWithMoreBehindIt) {
    descriptor(0, data_at, 1, 0, 0, inner_at);
    descriptor(0, inner_at, 16, indirect_flag | next_flag, 1);
    descriptor(1, data_at, 1);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, LoopInATable) {
    descriptor(0, data_at, 1, next_flag, 1, inner_at);
    descriptor(1, data_at, 1, next_flag, 0, inner_at);
    descriptor(0, inner_at, 32, indirect_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, NextOutOfATable) {
    descriptor(0, data_at, 1, next_flag, 2, inner_at);
    descriptor(0, inner_at, 32, indirect_flag);
    offer(0);
    expect_broken();
}

// Section 2.7.5.3.2: the device must take that.
TEST_F(HostileQueue, TableAtTheEndOfAChain) {
    descriptor(0, data_at, 1, next_flag, 1);
    descriptor(1, inner_at, 16, indirect_flag | write_flag);  // the flag says nothing here
    descriptor(0, data_at + 1, 2, write_flag, 0, inner_at);
    offer(0);
    expect_works();
    EXPECT_EQ(chain.readable_bytes, 1U);
    EXPECT_EQ(chain.writable_bytes, 2U);
}

TEST_F(HostileQueue, LongestTable) {
    const auto make = [this](uint16_t count) {
        for (uint16_t i = 0; i < count; ++i) descriptor(i, data_at, 1, i + 1 < count ? next_flag : uint16_t{0}, static_cast<uint16_t>(i + 1), inner_at);
        descriptor(0, inner_at, count * uint32_t{16}, indirect_flag);
        offer(0);
    };
    make(Chain::most_segments);
    expect_works();
    EXPECT_EQ(chain.readable.size(), Chain::most_segments);
    make(Chain::most_segments + 1);
    expect_broken();
}

TEST_F(HostileQueue, LongestTableBehindAChain) {
    for (uint16_t i = 0; i < Chain::most_segments; ++i) descriptor(i, data_at, 1, next_flag, static_cast<uint16_t>(i + 1), inner_at);
    descriptor(Chain::most_segments - 1, data_at, 1, 0, 0, inner_at);
    descriptor(0, data_at, 1, next_flag, 1);
    descriptor(1, inner_at, Chain::most_segments * 16, indirect_flag);
    offer(0);
    expect_broken();
}

TEST_F(HostileQueue, SameMemoryManyTimesHasABound) {
    vmm::GuestMemory large{uint64_t{2} << 30};
    auto all = vmm::virtio::Queue::make(large, {size, table_at, available_at, used_at, false}, [] {});
    ASSERT_TRUE(all);
    GuestHeap bytes{large};
    const vring_desc first{0, 1U << 30, next_flag, 1}, second{0, 1, 0, 0};
    std::memcpy(bytes.bytes(table_at, 16).data(), &first, 16);
    std::memcpy(bytes.bytes(table_at + 16, 16).data(), &second, 16);
    const uint16_t index = 1;
    std::memcpy(bytes.bytes(available_at + 2, 2).data(), &index, 2);
    EXPECT_FALSE(all->pop(chain));
    EXPECT_TRUE(all->broken());
}

TEST_F(HostileQueue, MoreAvailableThanThereIsRoomFor) {
    descriptor(0, data_at, 1);
    set_available(size + 1);
    expect_broken();
}

TEST_F(HostileQueue, IndexThatGoesBack) {
    descriptor(0, data_at, 1);
    offer(0);
    expect_works();
    set_available(0);
    EXPECT_FALSE(queue->pop(chain));
    EXPECT_TRUE(queue->broken());
}

TEST_F(HostileQueue, AsManyAvailableAsThereIsRoomFor) {
    descriptor(0, data_at, 1);
    for (int i = 0; i < size; ++i) offer(0);
    for (int i = 0; i < size; ++i) expect_works();
    EXPECT_FALSE(queue->pop(chain));
    EXPECT_FALSE(queue->broken());
}

TEST_F(HostileQueue, SetupsThatMakeNoSense) {
    const auto possible = [this](const QueueSetup& setup) { return vmm::virtio::Queue::make(memory, setup, [] {}).has_value(); };
    EXPECT_TRUE(possible({8, table_at, available_at, used_at, true}));
    EXPECT_TRUE(possible({1, table_at, available_at, used_at, true}));
    for (const uint16_t wrong : std::vector<uint16_t>{0, 3, 7, 65535}) EXPECT_FALSE(possible({wrong, table_at, available_at, used_at, false})) << wrong;
    EXPECT_FALSE(possible({8, table_at + 8, available_at, used_at, false}));
    EXPECT_FALSE(possible({8, table_at, available_at + 1, used_at, false}));
    EXPECT_FALSE(possible({8, table_at, available_at, used_at + 2, false}));
    EXPECT_FALSE(possible({8, memory_bytes, available_at, used_at, false}));
    EXPECT_FALSE(possible({8, table_at, memory_bytes, used_at, false}));
    EXPECT_FALSE(possible({8, table_at, available_at, memory_bytes, false}));
    EXPECT_FALSE(possible({8, UINT64_MAX - 15, available_at, used_at, false}));
    // Section 2.7: 16 bytes a descriptor; 6 and 2 more for each, 6 and 8 more for each.
    EXPECT_TRUE(possible({8, memory_bytes - 128, available_at, used_at, false}));
    EXPECT_FALSE(possible({8, memory_bytes - 112, available_at, used_at, false}));
    EXPECT_TRUE(possible({8, table_at, memory_bytes - 22, used_at, false}));
    EXPECT_FALSE(possible({8, table_at, memory_bytes - 20, used_at, false}));
    EXPECT_TRUE(possible({8, table_at, available_at, memory_bytes - 72, false}));
    EXPECT_FALSE(possible({8, table_at, available_at, memory_bytes - 68, false}));
}

// Of a driver that put all in one place, and of parts that change while the device looks, only what was read once counts.
TEST_F(HostileQueue, RingsInOnePlace) {
    auto tangled = vmm::virtio::Queue::make(memory, {size, table_at, table_at, table_at, true}, [] {});
    ASSERT_TRUE(tangled);
    put(table_at, vring_desc{data_at, 1, 0, 0});
    for (int i = 0; i < 100; ++i) {
        if (tangled->pop(chain)) tangled->push(chain.head, UINT32_MAX);
        tangled->flush();
        (void)tangled->enable_notifications();
        tangled->disable_notifications();
    }
}

}  // namespace
}  // namespace eremite::test

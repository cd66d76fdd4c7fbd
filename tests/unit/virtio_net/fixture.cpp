#include "fixture.hpp"

#include <sanitizer/asan_interface.h>

#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"

namespace eremite {

namespace test {

namespace {
std::deque<virtio::Transport*> transports;
}  // namespace

PairMemory::PairMemory() {
    pool.add_fragments(block(4));
    pool.add_small(block(7));
    pool.add_large(block(7));
}

std::span<std::byte> PairMemory::block(unsigned order) {
    const PhysicalAddress address = mm::page_allocator().allocate(order).value();
    blocks_.emplace_back(address, order);
    return {direct_map(address).as<std::byte>(), page_size << order};
}

void PairMemory::release() {
    for (const auto& [address, order] : blocks_) {
        // The pool hides what is free.
        ASAN_UNPOISON_MEMORY_REGION(direct_map(address).as<void>(), page_size << order);
        mm::page_allocator().free(address, order);
    }
}

void VirtioNetTest::add_user() {
    memories.emplace_back();
    listeners.emplace_back();
}

void VirtioNetTest::claim(uint64_t features, uint16_t device_pairs) {
    transport.features = features | (GetParam() ? bit(VIRTIO_F_RING_PACKED) : 0);
    transport.queue_limits.assign(size_t{2} * device_pairs + 1, 64);
    transport.configuration = {2, 0, 0, 0, 0, 1, VIRTIO_NET_S_LINK_UP, 0, static_cast<uint8_t>(device_pairs), static_cast<uint8_t>(device_pairs >> 8)};
    transports.push_back(&transport);
    auto claimed = drivers::claim_virtio_net();
    ASSERT_EQ(claimed.code(), 0);
    card = claimed.value();
    kept_.insert(kept_.end(), {&transport, &memories, &listeners, card});
}

void VirtioNetTest::begin(size_t count) {
    while (memories.size() < count) add_user();
    std::vector<network::Card::User> users;
    for (size_t i = 0; i < count; ++i) users.push_back({&listeners[i], &memories[i].pool});
    card->start(users);
    nic = &card->pair(0);
    fragments_ = pool().free_fragments();
}

void VirtioNetTest::TearDown() {
    forget_interrupts();
    for (PairMemory& memory : memories) memory.release();
}

void VirtioNetTest::deliver(const Header& header, const Bytes& bytes, uint16_t queue) {
    Bytes all(sizeof header);
    std::memcpy(all.data(), &header, sizeof header);
    all.insert(all.end(), bytes.begin(), bytes.end());
    std::vector<std::pair<DeviceRequest, uint32_t>> used;
    for (size_t done = 0; done < all.size();) {
        const auto request = device(queue).pop();
        ASSERT_TRUE(request);
        ASSERT_EQ(request->writable.size(), 1U);
        const size_t piece = std::min<size_t>(request->writable[0].length, all.size() - done);
        std::memcpy(at(request->writable[0]), &all[done], piece);
        done += piece;
        used.emplace_back(*request, piece);
    }
    for (const auto& [request, written] : used) device(queue).complete(request, written);
}

Bytes VirtioNetTest::sent(uint16_t queue) {
    Bytes bytes;
    const auto request = device(queue).pop();
    if (!request) return bytes;
    for (const auto& s : request->readable) bytes.insert(bytes.end(), at(s), at(s) + s.length);
    device(queue).complete(*request, 0);
    return bytes;
}

void VirtioNetTest::expect_only_this_dropped() {
    poll();
    EXPECT_TRUE(receiver.packets.empty());
    deliver({.hdr = {}, .num_buffers = 1}, Bytes(60, 7));
    poll();
    ASSERT_EQ(receiver.packets.size(), 1U);
    EXPECT_EQ(receiver.packets[0].first, Bytes(60, 7));
    EXPECT_EQ(pool().free_fragments(), fragments_);
}

void VirtioNetTest::expect_restart() {
    poll();
    EXPECT_TRUE(receiver.packets.empty());
    pass(Duration::milliseconds(1));
    poll();
    EXPECT_FALSE(nic->link_up());
    net::Packet lost = packet(100);
    EXPECT_TRUE(nic->transmit(lost));
    EXPECT_FALSE(lost);
    pass(Duration::seconds(120));
    EXPECT_TRUE(nic->link_up());
    expect_only_this_dropped();
}

}  // namespace test

uint64_t arch::online_cpus() { return 0b11; }

Result<virtio::Transport*> virtio::claim(uint32_t type) {
    EXPECT_EQ(type, static_cast<uint32_t>(VIRTIO_ID_NET));
    if (test::transports.empty()) return Error{ENODEV};
    Transport* const next = test::transports.front();
    test::transports.pop_front();
    return next;
}

}  // namespace eremite

// Packets, timers and hashes.
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "netstack/wire/checksum.hpp"
#include "tests/unit/netstack/host.hpp"

namespace eremite::test {
namespace {

using net::Packet;

Bytes numbers(size_t n, uint8_t start = 0) {
    Bytes bytes(n);
    std::iota(bytes.begin(), bytes.end(), start);
    return bytes;
}

TEST(Packet, HeadersGoInFront) {
    PoolMemory memory{16, 4, 1};
    Packet packet = Packet::allocate(memory.pool);
    ASSERT_TRUE(packet.append_copy(numbers(10, 50)));
    for (int i = 0; i < 20; ++i) {
        uint8_t* at = packet.push_front(20);
        ASSERT_NE(at, nullptr);
        std::fill_n(at, 20, static_cast<uint8_t>(i));
    }
    EXPECT_EQ(packet.length(), 410U);
    packet.remove_front(395);
    EXPECT_EQ(bytes_of(packet), (Bytes{0, 0, 0, 0, 0, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59}));
    packet.reset();
    EXPECT_EQ(memory.pool.free_fragments(), 16U);
}

TEST(Packet, SharesWithoutCopies) {
    PoolMemory memory{16, 4, 1};
    Packet packet = memory.pool.allocate_data(3000);
    ASSERT_TRUE(packet.append_copy(numbers(3000)));
    Packet part = packet.share(100, 1000);
    EXPECT_EQ(part.front().data(), packet.front().data() + 100);
    const Bytes all = bytes_of(packet);
    packet.reset();
    EXPECT_EQ(bytes_of(part), Bytes(all.begin() + 100, all.begin() + 1100));
    // A header in front of what others see needs memory of its own.
    ASSERT_NE(part.push_front(8), nullptr);
    part.reset();
    EXPECT_EQ(memory.pool.free_large(), 1U);
    EXPECT_EQ(memory.pool.free_fragments(), 16U);
}

TEST(Packet, PullUpTruncateAndCut) {
    Random random{1};
    PoolMemory memory{64, 16, 4};
    for (int round = 0; round < 500; ++round) {
        Bytes model;
        Packet packet = Packet::allocate(memory.pool);
        for (int i = 0; i < 5; ++i) {
            const Bytes piece = numbers(random.below(300), static_cast<uint8_t>(random.next()));
            Packet more = memory.pool.allocate_data(static_cast<uint32_t>(piece.size()));
            ASSERT_TRUE(more.append_copy(piece));
            packet.append(std::move(more));
            model.insert(model.end(), piece.begin(), piece.end());
        }
        const size_t wanted = random.below(250);
        const bool can = wanted <= 192 && wanted <= model.size();
        if (packet.front().size() < wanted) { EXPECT_EQ(packet.pull_up(wanted), can); }
        EXPECT_EQ(bytes_of(packet), model);
        const size_t front = random.below(model.size() + 1);
        packet.remove_front(front);
        model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(front));
        const size_t length = random.below(model.size() + 1);
        packet.truncate(length);
        model.resize(length);
        EXPECT_EQ(bytes_of(packet), model);
        EXPECT_EQ(packet.length(), model.size());
        if (!model.empty()) {
            const size_t from = random.below(model.size()), size = random.below(model.size() - from + 1);
            const Packet shared = packet.share(from, size);
            EXPECT_EQ(bytes_of(shared),
                      Bytes(model.begin() + static_cast<ptrdiff_t>(from), model.begin() + static_cast<ptrdiff_t>(from + size)));
        }
    }
    EXPECT_EQ(memory.pool.free_fragments(), 64U);
    EXPECT_EQ(memory.pool.free_small(), 16U);
}

TEST(Packet, ExhaustionLeavesAllAsItWas) {
    PoolMemory memory{3, 1, 0};
    Packet packet = memory.pool.allocate_data(100);
    ASSERT_TRUE(packet.append_copy(numbers(100)));
    EXPECT_FALSE(packet.append_copy(numbers(3000)));
    EXPECT_EQ(packet.length(), 100U);
    const Packet a = packet.share(0, 50), b = packet.share(0, 50);
    EXPECT_TRUE(a && b);
    EXPECT_FALSE(packet.share(0, 50));
    EXPECT_EQ(packet.push_front(10), nullptr);
    EXPECT_EQ(bytes_of(packet), numbers(100));
}

// A host that adds memory whenever little is left keeps its pool free of pressure, until it has none either.
TEST(PacketPool, PressureIsWhenNoMoreComes) {
    PoolMemory memory{64, 16, 0};
    std::vector<net::Buffer*> taken;
    const auto take = [&](size_t count) {
        for (size_t i = 0; i < count; ++i)
            if (net::Buffer* const buffer = memory.pool.allocate_buffer(false)) taken.push_back(buffer);
    };
    EXPECT_FALSE(memory.pool.under_pressure());
    take(15);
    EXPECT_TRUE(memory.pool.under_pressure());
    alignas(64) static std::byte block[8 * 2048];
    memory.pool.add_small(block);
    take(8);
    EXPECT_FALSE(memory.pool.under_pressure());
    take(2);  // one of them in vain
    EXPECT_EQ(taken.size(), 24U);
    EXPECT_TRUE(memory.pool.under_pressure());
    for (net::Buffer* const buffer : taken) memory.pool.release_reference(*buffer);
    EXPECT_FALSE(memory.pool.under_pressure());
}

class Lender final : public net::BufferOwner {
public:
    void release(net::Buffer&) override { ++returned; }
    int returned = 0;
};

TEST(Packet, ForeignMemoryGoesBack) {
    PoolMemory memory{8, 0, 0};
    Lender lender;
    Bytes bytes = numbers(64);
    net::Buffer buffer{bytes.data(), 64, 1, &lender};
    Packet packet = Packet::over(memory.pool, buffer, bytes.data(), 64);
    Packet part = packet.share(10, 10);
    packet.reset();
    EXPECT_EQ(lender.returned, 0);
    part.reset();
    EXPECT_EQ(lender.returned, 1);
}

TEST(Checksum, AnyPiecesMakeTheSame) {
    Random random{2};
    for (int round = 0; round < 2000; ++round) {
        Bytes bytes(random.below(200));
        for (uint8_t& b : bytes) b = static_cast<uint8_t>(round % 3 ? random.next() : 0xff);
        // By definition (RFC 1071 section 1).
        uint32_t sum = 0;
        for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 ? bytes[i] : uint32_t{bytes[i]} << 8;
        while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
        const auto expected = net::swap_bytes(static_cast<uint16_t>(~sum));
        EXPECT_EQ(net::checksum_of(bytes), expected);
        if (bytes.size() >= 20) { EXPECT_EQ(net::checksum_of_20(bytes.data()), net::checksum_of(std::span{bytes}.first(20))); }
        net::ChecksumSum pieces;
        for (size_t at = 0; at < bytes.size();) {
            const size_t n = std::min<size_t>(bytes.size() - at, 1 + random.below(9));
            pieces.add(std::span{bytes}.subspan(at, n));
            at += n;
        }
        EXPECT_EQ(pieces.checksum(), expected);
        if (bytes.size() >= 4) {
            const auto before = net::load_raw<uint16_t>(&bytes[2]);
            const auto after = static_cast<uint16_t>(random.next());
            net::store_raw(&bytes[2], after);
            const uint16_t updated = net::updated_checksum(expected, before, after);
            // Both zeros are the same sum.
            EXPECT_TRUE(updated == net::checksum_of(bytes) || (updated ^ net::checksum_of(bytes)) == 0xffff);
        }
    }
}

TEST(KeyedHash, KnownAnswer) {
    // The reference's vector of eight bytes 00..07 under the key 00..0f (SipHash paper, appendix A, "vectors").
    EXPECT_EQ((net::KeyedHash{{0x0706050403020100, 0x0f0e0d0c0b0a0908}}.add(0x0706050403020100).finish()), 0x93f5f5799a932462U);
}

TEST(TimerWheel, FiresInOrderAndNeverEarly) {
    struct Alarm : net::Timer {
        Alarm() : Timer{[](net::Timer& t) { static_cast<Alarm&>(t).rang = true; }} {}
        bool rang = false;
        Instant due{};
    };
    Random random{3};
    net::TimerWheel wheel;
    std::vector<Alarm> alarms(300);
    Instant now{1};
    const auto any = [&] { return now + Duration{static_cast<int64_t>(random.next() >> (2 + random.below(50)))}; };
    for (int round = 0; round < 3000; ++round) {
        Alarm& alarm = alarms[random.below(alarms.size())];
        if (random.below(4) == 0) {
            wheel.cancel(alarm);
            EXPECT_FALSE(alarm.linked());
        } else {
            alarm.rang = false;
            alarm.due = any();
            wheel.set(alarm, alarm.due);
        }
        Instant first = Instant::never();
        for (const Alarm& a : alarms)
            if (a.linked()) first = std::min(first, a.due);
        // Not too late: within a tick.
        EXPECT_LE(wheel.next().ns, first == Instant::never() ? first.ns : first.ns + (1 << 17));
        if (random.below(3) == 0) {
            now = now + Duration{static_cast<int64_t>(random.below(uint64_t{1} << random.below(45)))};
            wheel.advance(now);
            for (Alarm& a : alarms) {
                if (a.rang) { EXPECT_LE(a.due, now); }
                if (a.linked()) { EXPECT_GT(a.due.ns + (1 << 17), now.ns); }
            }
        }
    }
}

TEST(ObjectPool, IsBounded) {
    net::ObjectPool<uint64_t> pool{100};
    std::vector<uint64_t*> all;
    for (int i = 0; i < 100; ++i) {
        all.push_back(pool.create(7U));
        ASSERT_NE(all.back(), nullptr);
    }
    EXPECT_EQ(pool.create(), nullptr);
    pool.destroy(*all[50]);
    all[50] = pool.create(1U);
    EXPECT_NE(all[50], nullptr);
    for (uint64_t* p : all) pool.destroy(*p);
    EXPECT_EQ(pool.used(), 0U);
}

}  // namespace
}  // namespace eremite::test

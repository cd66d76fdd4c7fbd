#include "libos/fs/ninep/protocol.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <string>
#include <vector>

using namespace eremite;
using namespace eremite::fs::ninep;

namespace {

using Bytes = std::vector<uint8_t>;

template <typename Request>
Bytes encoded(const Request& request, uint16_t tag = 0x1234, size_t data = 0) {
    std::array<uint8_t, 8192> buffer;
    const auto size = AnyRequest{request}.encode(buffer, tag, data);
    EXPECT_TRUE(size.ok());
    return {buffer.begin(), buffer.begin() + static_cast<long>(size.ok() ? size.value() : 0)};
}

// Numbers little-endian with their size, and strings.
Bytes message(std::initializer_list<std::pair<uint64_t, int>> fields) {
    Bytes bytes;
    for (const auto& [value, size] : fields)
        for (int i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return bytes;
}
Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Bytes text(const std::string& s) {
    return message({{s.size(), 2}}) + Bytes{s.begin(), s.end()};
}

template <typename Reply>
bool accepted(const Bytes& bytes, Reply& reply) {
    reply = {};
    Decoder d{bytes};
    reply.decode(d);
    return !d.bad();
}

}  // namespace

TEST(NinepProtocol, RequestsHaveSizeTypeTagAndFields) {
    EXPECT_EQ(encoded(Version{8216}, no_tag), message({{21, 4}, {100, 1}, {0xffff, 2}, {8216, 4}}) + text("9P2000.L"));
    EXPECT_EQ(encoded(Attach{7, "root", "", 0}), message({{27, 4}, {104, 1}, {0x1234, 2}, {7, 4}, {0xffffffff, 4}}) + text("root") + text("") + message({{0, 4}}));
    EXPECT_EQ(encoded(Walk{1, 2, "näme"}), message({{24, 4}, {110, 1}, {0x1234, 2}, {1, 4}, {2, 4}, {1, 2}}) + text("näme"));
    EXPECT_EQ(encoded(Walk{1, 2, ""}), message({{17, 4}, {110, 1}, {0x1234, 2}, {1, 4}, {2, 4}, {0, 2}}));
    EXPECT_EQ(encoded(Create{3, "a b", 0x42, 0644, 5}), message({{28, 4}, {14, 1}, {0x1234, 2}, {3, 4}}) + text("a b") + message({{0x42, 4}, {0644, 4}, {5, 4}}));
    EXPECT_EQ(encoded(Rename{1, "x", 2, "y"}), message({{21, 4}, {74, 1}, {0x1234, 2}, {1, 4}}) + text("x") + message({{2, 4}}) + text("y"));
    EXPECT_EQ(encoded(Lock{9, {LockRange::write, 5, 6, 7}, Lock::block, "c"}),
              message({{39, 4}, {52, 1}, {0x1234, 2}, {9, 4}, {1, 1}, {1, 4}, {5, 8}, {6, 8}, {7, 4}}) + text("c"));
    EXPECT_EQ(encoded(Flush{3}), message({{9, 4}, {108, 1}, {0x1234, 2}, {3, 2}}));
    EXPECT_EQ(encoded(Remove{3}), message({{11, 4}, {122, 1}, {0x1234, 2}, {3, 4}}));
}

TEST(NinepProtocol, SizeOfAWriteCoversItsData) {
    const Bytes write = encoded(Write{1, 0x1'0000'0002, 100}, 0x1234, 100);
    EXPECT_EQ(write.size(), write_header);
    EXPECT_EQ(write, message({{123, 4}, {118, 1}, {0x1234, 2}, {1, 4}, {0x1'0000'0002, 8}, {100, 4}}));
}

TEST(NinepProtocol, WhatDoesNotFitIsRefused) {
    std::array<uint8_t, 24> buffer;
    const auto walk = [](std::span<uint8_t> into, const std::string& name) { return AnyRequest{Walk{1, 2, name}}.encode(into, 1).code(); };
    EXPECT_EQ(walk(buffer, "12345"), 0);
    EXPECT_EQ(walk(buffer, "123456"), EMSGSIZE);
    std::array<uint8_t, 100'000> large;
    EXPECT_EQ(walk(large, std::string(65536, 'x')), EMSGSIZE);
}

TEST(NinepProtocol, RepliesAreChecked) {
    const Bytes good = message({{20, 4}, {13, 1}, {5, 2}, {0x80, 1}, {1, 4}, {2, 8}});
    const auto fields = check_reply(good, good.size(), Type::Open, 5);
    ASSERT_TRUE(fields.ok());
    EXPECT_EQ(fields.value().size(), 13U);
    EXPECT_EQ(check_reply(good, good.size(), Type::Open, 6).code(), EIO) << "another tag";
    EXPECT_EQ(check_reply(good, good.size(), Type::Create, 5).code(), EIO) << "another type";
    EXPECT_EQ(check_reply(good, good.size() - 1, Type::Open, 5).code(), EIO) << "more said than written";
    EXPECT_EQ(check_reply(std::span{good}.first(6), 6, Type::Open, 5).code(), EIO) << "no header";
    EXPECT_EQ(check_reply(message({{6, 4}, {13, 1}, {5, 2}}), 7, Type::Open, 5).code(), EIO) << "smaller than a header";
    // Of a longer message, the fields end where it does.
    const auto whole = check_reply(good, 200, Type::Open, 5);
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(whole.value().size(), 13U);
}

TEST(NinepProtocol, ErrorsOfTheServerAreNumbersThatAProgramMaySee) {
    const auto answer = [](uint64_t code) { return check_reply(message({{11, 4}, {7, 1}, {5, 2}, {code, 4}}), 11, Type::Open, 5).code(); };
    EXPECT_EQ(answer(ENOENT), ENOENT);
    EXPECT_EQ(answer(EHWPOISON), EHWPOISON);
    EXPECT_EQ(answer(0), EIO);
    EXPECT_EQ(answer(512), EIO);
    EXPECT_EQ(answer(0xffffffff), EIO);
    EXPECT_EQ(check_reply(message({{7, 4}, {7, 1}, {5, 2}}), 7, Type::Open, 5).code(), EIO) << "without its number";
}

TEST(NinepProtocol, WalkHasOneQidAtMost) {
    Walk::Reply reply;
    EXPECT_TRUE(accepted(message({{1, 2}, {0x02, 1}, {3, 4}, {4, 8}}), reply));
    EXPECT_EQ(reply.qid, (Qid{Qid::symbolic_link, 3, 4}));
    EXPECT_TRUE(accepted(message({{0, 2}}), reply));
    EXPECT_FALSE(accepted(message({{2, 2}, {0, 8}, {0, 8}, {0, 8}, {0, 2}}), reply));
    EXPECT_FALSE(accepted(message({{1, 2}, {0, 8}}), reply));
}

TEST(NinepProtocol, TargetsOfLinksAreTexts) {
    ReadLink::Reply reply;
    const Bytes good = text("../a b");
    EXPECT_TRUE(accepted(good, reply));
    EXPECT_EQ(reply.target, "../a b");
    EXPECT_TRUE(accepted(text(std::string(4095, 'x')), reply));
    EXPECT_FALSE(accepted(text(std::string(4096, 'x')), reply));
    EXPECT_FALSE(accepted(text(""), reply));
    EXPECT_FALSE(accepted(text(std::string("a\0b", 3)), reply));
    EXPECT_FALSE(accepted(message({{5, 2}, {0, 4}}), reply));
}

TEST(NinepProtocol, Attributes) {
    Bytes bytes = message({{0x7ff, 8}, {0, 1}, {1, 4}, {77, 8}, {S_IFREG | 0640, 4}, {1, 4}, {2, 4}, {3, 8}, {4, 8}, {5, 8}, {6, 8}, {7, 8}});
    for (uint64_t time : {10, 20, 30, 40}) bytes = bytes + message({{time, 8}, {time + 1, 8}});
    bytes = bytes + message({{0, 8}, {0, 8}});
    GetAttributes::Reply reply;
    ASSERT_TRUE(accepted(bytes, reply));
    EXPECT_EQ(reply.qid.path, 77U);
    EXPECT_EQ(reply.links, 3U);
    EXPECT_EQ(reply.size, 5U);
    EXPECT_EQ(reply.birth.since_epoch(), 40'000'000'041);
    for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(accepted(Bytes{bytes.begin(), bytes.begin() + static_cast<long>(size)}, reply));
    bytes[49 + 7] = 0x80;  // the highest bit of the size
    EXPECT_FALSE(accepted(bytes, reply));
}

TEST(NinepProtocol, Times) {
    for (int64_t time : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{-1'000'000'000}, int64_t{1'700'000'000'123'456'789}, int64_t{-5'000'000'001}})
        EXPECT_EQ(Time::from(time).since_epoch(), time);
    EXPECT_EQ(Time::from(-1).nanoseconds, 999'999'999U);
    EXPECT_EQ((Time{uint64_t{1} << 62, 0}).since_epoch(), INT64_MAX);
    EXPECT_EQ((Time{uint64_t{3} << 62, 0}).since_epoch(), INT64_MIN);
    EXPECT_EQ((Time{1, UINT64_MAX}).since_epoch(), 1'000'000'000 + static_cast<int64_t>(UINT64_MAX % 1'000'000'000));
}

TEST(NinepProtocol, DirectoryEntries) {
    const auto entry = [](const std::string& name) { return message({{0x80, 1}, {1, 4}, {2, 8}, {3, 8}, {4, 1}}) + text(name); };
    const Bytes two = entry("a b") + entry("ü");
    std::span<const uint8_t> data{two};
    auto first = next_entry(data);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(first->name, "a b");
    EXPECT_EQ(first->next, 3U);
    EXPECT_EQ(first->type, 4);
    EXPECT_EQ(first->qid.path, 2U);
    auto second = next_entry(data);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(second->name, "ü");
    EXPECT_EQ(next_entry(data).code(), ENOENT);
    for (const std::string& bad : {std::string{}, std::string{"a/b"}, std::string("a\0b", 3), std::string(256, 'x')}) {
        const Bytes bytes = entry(bad);
        data = bytes;
        EXPECT_EQ(next_entry(data).code(), EIO) << bad;
    }
    data = std::span{two}.first(two.size() - 1);
    EXPECT_TRUE(next_entry(data).ok());
    EXPECT_EQ(next_entry(data).code(), EIO) << "cut off";
}

TEST(NinepProtocol, Locks) {
    Lock::Reply lock;
    EXPECT_TRUE(accepted(message({{Lock::Blocked, 1}}), lock));
    EXPECT_EQ(lock.status, Lock::Blocked);
    EXPECT_FALSE(accepted(message({{4, 1}}), lock));
    EXPECT_FALSE(accepted({}, lock));
    GetLock::Reply get;
    const Bytes good = message({{LockRange::read, 1}, {1, 8}, {2, 8}, {3, 4}}) + text("host");
    EXPECT_TRUE(accepted(good, get));
    EXPECT_EQ(get.range.start, 1U);
    EXPECT_EQ(get.client, "host");
    EXPECT_FALSE(accepted(message({{3, 1}, {1, 8}, {2, 8}, {3, 4}}) + text("host"), get));
}

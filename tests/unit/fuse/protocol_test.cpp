#include "libos/fs/fuse/protocol.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace eremite;
using namespace eremite::fs::fuse;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes encoded(const Request& request, size_t data = 0) {
    std::array<uint8_t, 8192> buffer;
    const auto size = request.encode(buffer, 42, data);
    EXPECT_TRUE(size.ok());
    return {buffer.begin(), buffer.begin() + static_cast<long>(size.ok() ? size.value() : 0)};
}
fuse_in_header header_of(const Bytes& bytes) {
    fuse_in_header header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
}
std::string behind_header(const Bytes& bytes) { return {bytes.begin() + sizeof(fuse_in_header), bytes.end()}; }

Bytes reply(uint32_t size, int32_t error, uint64_t unique, size_t written) {
    const fuse_out_header header{size, error, unique};
    Bytes bytes(std::max(written, sizeof header));
    std::memcpy(bytes.data(), &header, sizeof header);
    bytes.resize(written);
    return bytes;
}
int checked(const Bytes& bytes) { return check_reply(bytes, bytes.size(), 42).code(); }

// An entry of a directory, and `padding` bytes behind it.
Bytes entry(const std::string& name, uint32_t length, size_t padding) {
    fuse_dirent fixed{};
    fixed.ino = 7, fixed.off = 9, fixed.namelen = length, fixed.type = 8;
    Bytes bytes(FUSE_NAME_OFFSET);
    std::memcpy(bytes.data(), &fixed, FUSE_NAME_OFFSET);
    bytes.insert(bytes.end(), name.begin(), name.end());
    bytes.resize(bytes.size() + padding);
    return bytes;
}
int refused(const Bytes& bytes) {
    std::span<const uint8_t> data{bytes};
    return next_entry(data).code();
}

}  // namespace

TEST(FuseProtocol, RequestsHaveHeaderStructureAndNames) {
    const Bytes rename = encoded({FUSE_RENAME, 5, fuse_rename_in{6}, "from", "to"});
    const fuse_in_header header = header_of(rename);
    EXPECT_EQ(header.len, rename.size());
    EXPECT_EQ(header.opcode, uint32_t{FUSE_RENAME});
    EXPECT_EQ(header.unique, 42U);
    EXPECT_EQ(header.nodeid, 5U);
    EXPECT_EQ(behind_header(rename), std::string("\x06\0\0\0\0\0\0\0from\0to\0", 16));
    EXPECT_EQ(behind_header(encoded({FUSE_LOOKUP, 1, "näme"})), std::string("näme\0", 6));
    EXPECT_EQ(behind_header(encoded({FUSE_READLINK, 1})), "");
    EXPECT_EQ(header_of(encoded({FUSE_WRITE, 1, fuse_write_in{}}, 1000)).len, sizeof(fuse_in_header) + sizeof(fuse_write_in) + 1000);
}

TEST(FuseProtocol, WhatDoesNotFitIsRefused) {
    std::array<uint8_t, sizeof(fuse_in_header) + 10> buffer;
    EXPECT_EQ((Request{FUSE_LOOKUP, 1, "123456789"}.encode(buffer, 1, 0).value()), buffer.size());
    EXPECT_EQ((Request{FUSE_LOOKUP, 1, "1234567890"}.encode(buffer, 1, 0).code()), EMSGSIZE);
}

TEST(FuseProtocol, RepliesAreChecked) {
    EXPECT_EQ(checked(reply(16, 0, 42, 16)), 0);
    EXPECT_EQ(checked(reply(20, 0, 42, 20)), 0);
    EXPECT_EQ(checked(reply(20, 0, 42, 24)), 0) << "what is written beyond does not count";
    EXPECT_EQ(checked(reply(20, 0, 42, 19)), EIO) << "more than was written";
    EXPECT_EQ(checked(reply(15, 0, 42, 16)), EIO);
    EXPECT_EQ(checked(reply(0, 0, 42, 16)), EIO);
    EXPECT_EQ(checked(reply(UINT32_MAX, 0, 42, 16)), EIO);
    EXPECT_EQ(checked(reply(16, 0, 42, 15)), EIO);
    EXPECT_EQ(checked({}), EIO);
    EXPECT_EQ(checked(reply(16, 0, 41, 16)), EIO) << "of another request";
    EXPECT_EQ(checked(reply(16, -ENOENT, 42, 16)), ENOENT);
    EXPECT_EQ(checked(reply(16, -ENOENT, 41, 16)), EIO);
    for (const int error : {1, ENOENT, INT32_MAX, -EHWPOISON - 1, -511, -512, -4095, INT32_MIN}) EXPECT_EQ(checked(reply(16, error, 42, 16)), EIO) << error;
}

TEST(FuseProtocol, EntriesOfDirectories) {
    Bytes bytes = entry("abc", 3, 5);
    const Bytes last = entry("last", 4, 0);
    bytes.insert(bytes.end(), last.begin(), last.end());
    std::span<const uint8_t> data{bytes};
    const auto first = next_entry(data);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(first.value().name, "abc");
    EXPECT_EQ(first.value().inode, 7U);
    EXPECT_EQ(first.value().next, 9U);
    EXPECT_EQ(next_entry(data).value().name, "last") << "without its padding";
    EXPECT_TRUE(data.empty());
}

TEST(FuseProtocol, EntriesThatCannotBe) {
    EXPECT_EQ(refused({}), EIO);
    EXPECT_EQ(refused(Bytes(FUSE_NAME_OFFSET - 1)), EIO);
    EXPECT_EQ(refused(entry("abc", 4, 0)), EIO) << "beyond the buffer";
    EXPECT_EQ(refused(entry("abc", UINT32_MAX, 5)), EIO);
    EXPECT_EQ(refused(entry("", 0, 8)), EIO);
    EXPECT_EQ(refused(entry("a/b", 3, 5)), EIO);
    EXPECT_EQ(refused(entry(std::string("a\0b", 3), 3, 5)), EIO);
    EXPECT_EQ(refused(entry(std::string(256, 'x'), 256, 0)), EIO);
    EXPECT_EQ(refused(entry(std::string(255, 'x'), 255, 1)), 0);
}

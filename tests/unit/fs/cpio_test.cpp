#include "libos/fs/cpio.hpp"

#include <gtest/gtest.h>

#include "cpio_builder.hpp"

namespace eremite::fs {

namespace {

using Step = CpioReader::Step;
using test::CpioBuilder;

struct Outcome {
    size_t entries = 0;
    size_t archives = 0;
    CpioError error = CpioError::None;
    size_t offset = 0;
};

Outcome read_all(std::span<const uint8_t> bytes) {
    CpioReader reader{bytes};
    Outcome outcome;
    for (;;) {
        CpioEntry entry;
        switch (reader.next(entry)) {
            case Step::Entry: ++outcome.entries; break;
            case Step::EndOfArchive: ++outcome.archives; break;
            case Step::End:
            case Step::Failed: outcome.error = reader.error(); outcome.offset = reader.offset(); return outcome;
        }
    }
}

}  // namespace

TEST(Cpio, ReadsFieldsNameAndData) {
    const auto bytes = CpioBuilder{}.add("dir/name", "contents", {.mode = 0100755, .inode = 42, .links = 2}).end().bytes();
    CpioReader reader{bytes};
    CpioEntry entry;
    ASSERT_EQ(reader.next(entry), Step::Entry);
    EXPECT_EQ(entry.name, "dir/name");
    EXPECT_EQ(std::string(entry.data.begin(), entry.data.end()), "contents");
    EXPECT_EQ(entry.mode, 0100755U);
    EXPECT_EQ(entry.inode, 42U);
    EXPECT_EQ(entry.links, 2U);
    EXPECT_EQ(entry.modification_time, 1000U);
    EXPECT_EQ(entry.node_major, 1U);
    EXPECT_EQ(entry.node_minor, 3U);
    EXPECT_EQ(reader.next(entry), Step::EndOfArchive);
    EXPECT_EQ(reader.next(entry), Step::End);
}

TEST(Cpio, NothingAndZerosAreNoArchive) {
    EXPECT_EQ(read_all({}).error, CpioError::None);
    const std::vector<uint8_t> zeros(1000);
    const Outcome outcome = read_all(zeros);
    EXPECT_EQ(outcome.error, CpioError::None);
    EXPECT_EQ(outcome.entries, 0U);
}

TEST(Cpio, ConcatenatedArchivesWithPadding) {
    const auto bytes = CpioBuilder{}.zeros(512).add("a").end().zeros(300).add("b", "x").add("c").end().zeros(7).bytes();
    const Outcome outcome = read_all(bytes);
    EXPECT_EQ(outcome.error, CpioError::None);
    EXPECT_EQ(outcome.entries, 3U);
    EXPECT_EQ(outcome.archives, 2U);
}

// Cutting an archive anywhere is noticed, except in the padding behind its trailer.
TEST(Cpio, EveryTruncationIsNoticed) {
    const auto bytes = CpioBuilder{}.add("a", "12345").add("b", "123").end().bytes();
    const size_t trailer_end = bytes.size() - 1;
    for (size_t size = 1; size < trailer_end; ++size) {
        const Outcome outcome = read_all(std::span{bytes}.first(size));
        EXPECT_TRUE(outcome.error != CpioError::None || size >= bytes.size() - 4) << size;
        EXPECT_LE(outcome.offset, size);
    }
}

TEST(Cpio, MissingTrailer) {
    const auto bytes = CpioBuilder{}.add("a", "12345").bytes();
    const Outcome outcome = read_all(bytes);
    EXPECT_EQ(outcome.error, CpioError::MissingTrailer);
    EXPECT_EQ(outcome.offset, bytes.size());
}

TEST(Cpio, SaysWhatIsWrongAndWhere) {
    const auto good = CpioBuilder{}.add("a", "12345").end().bytes();
    auto bytes = good;
    bytes[5] = '5';
    EXPECT_EQ(read_all(bytes).error, CpioError::BadMagic);
    EXPECT_EQ(read_all(bytes).offset, 0U);
    bytes = good;
    bytes[6 + 8] = 'g';
    EXPECT_EQ(read_all(bytes).error, CpioError::BadNumber);
    EXPECT_EQ(read_all(bytes).offset, 14U);
    bytes = good;
    bytes[6 + 6 * 8] = 'f';  // a size of almost 4 GiB
    EXPECT_EQ(read_all(bytes).error, CpioError::Truncated);
    bytes = good;
    bytes[6 + 11 * 8] = 'f';  // a name of that size
    EXPECT_EQ(read_all(bytes).error, CpioError::BadName);
    bytes = good;
    bytes[111] = 'x';  // the name's final zero
    EXPECT_EQ(read_all(bytes).error, CpioError::BadName);
    const std::vector<uint8_t> compressed{0x1f, 0x8b, 8, 0};
    EXPECT_EQ(read_all(compressed).error, CpioError::Compressed);
}

TEST(Cpio, FailureStays) {
    const std::vector<uint8_t> bytes{'x', 'y'};
    CpioReader reader{bytes};
    CpioEntry entry;
    EXPECT_EQ(reader.next(entry), Step::Failed);
    EXPECT_EQ(reader.next(entry), Step::Failed);
}

TEST(Cpio, ChecksumFormat) {
    const auto good = CpioBuilder{}.add("a", "\x01\x02\xff", {.check = 0x102, .magic = "070702"}).end().bytes();
    EXPECT_EQ(read_all(good).error, CpioError::None);
    const auto bad = CpioBuilder{}.add("a", "\x01\x02\xff", {.check = 0x103, .magic = "070702"}).end().bytes();
    EXPECT_EQ(read_all(bad).error, CpioError::BadChecksum);
}

}  // namespace eremite::fs

#include "vmm/snapshot/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <vector>

#include "tests/unit/vmm_snapshot/memory_file.hpp"

namespace eremite::test {
namespace {

using vmm::GuestMemory;
using vmm::SnapshotFile;

constexpr uint64_t page = 4096, mib = uint64_t{1} << 20, gib = uint64_t{1} << 30;
// Of the header.
constexpr uint64_t version_at = 16, memory_size_at = 24, state_size_at = 32;

std::vector<std::byte> some_state(const std::string& notes = "notes", size_t more = 100) {
    vmm::StateWriter state;
    SnapshotFile::write_notes(state, notes);
    for (size_t i = 0; i < more; ++i) state.add(static_cast<uint8_t>(i));
    return {state.bytes().begin(), state.bytes().end()};
}

// It knows what of it was touched.
struct WatchedMemory : GuestMemory {
    explicit WatchedMemory(uint64_t size) : GuestMemory{size} { open_page_map(); }
};

struct SnapshotFiles : ::testing::Test {
    MemoryFile file;

    void write(const GuestMemory& memory) { written = write_snapshot(file.descriptor(), memory, some_state()); }
    // It is read as what was written.
    void expect_same(const GuestMemory& memory) {
        const SnapshotFile snapshot{file.path()};
        EXPECT_EQ(snapshot.memory_size(), memory.size());
        EXPECT_TRUE(same(memory, GuestMemory{snapshot.memory()}));
        const auto state = some_state();
        ASSERT_EQ(snapshot.state().size(), state.size());
        EXPECT_EQ(std::memcmp(snapshot.state().data(), state.data(), state.size()), 0);
        EXPECT_EQ(snapshot.notes(), "notes");
    }
    std::string error() {
        return error_of([&] { const SnapshotFile snapshot{file.path()}; });
    }
    uint64_t written = 0;
};

TEST_F(SnapshotFiles, ReadAsWritten) {
    const WatchedMemory memory{mib};
    fill(memory, 0, mib, 0x5a);
    fill(memory, 5 * page + 100, 3000, 1);
    write(memory);
    expect_same(memory);
    EXPECT_GE(written, mib);
}

TEST_F(SnapshotFiles, NothingButHoles) {
    const WatchedMemory memory{64 * mib};
    write(memory);
    expect_same(memory);
    EXPECT_LE(written, 2 * page);
    EXPECT_EQ(file.size(), page + 64 * mib + some_state().size());
}

// Data at the ends of memory and of the pieces in which it is written, with holes of all sizes between, in memory of no round size.
TEST_F(SnapshotFiles, HolesStayHoles) {
    constexpr uint64_t size = 16 * mib + 3 * page, piece = 64 * page;
    const WatchedMemory memory{size};
    uint64_t touched = 0;
    for (const uint64_t address : {uint64_t{0}, 2 * page, 63 * page, 64 * page, 3 * piece - page, 3 * piece + page, 5 * mib, 16 * mib - page, 16 * mib + page, size - page}) {
        fill(memory, address + page - 1, 1, 0x77);
        touched += page;
    }
    fill(memory, 8 * mib + page, 2 * piece + page, 0x33);
    touched += 2 * piece + page;
    const uint64_t before = memory.resident();
    write(memory);
    EXPECT_EQ(memory.resident(), before) << "what was not there is not made to be looked at";
    // The host may give more than a page at once, and what it gives is zero.
    EXPECT_EQ(written, touched + page + some_state().size());
    EXPECT_LE(file.bytes_of_memory(), touched + 4 * page);
    expect_same(memory);
}

TEST_F(SnapshotFiles, ZerosAreHoles) {
    const WatchedMemory memory{8 * mib};
    fill(memory, 0, 8 * mib, 0);
    fill(memory, 4 * mib, 1, 1);
    write(memory);
    EXPECT_EQ(written, 2 * page + some_state().size());
    EXPECT_LE(file.bytes_of_memory(), 4 * page);
    expect_same(memory);
}

TEST_F(SnapshotFiles, BothRegions) {
    const WatchedMemory memory{3 * gib + 2 * mib + page};
    ASSERT_EQ(memory.regions().size(), 2U);
    fill(memory, page, 10, 1);
    fill(memory, GuestMemory::low_end - page, page, 2);
    fill(memory, GuestMemory::high_start, 1, 3);
    fill(memory, GuestMemory::high_start + 2 * mib, page, 4);
    write(memory);
    EXPECT_LT(written, 8 * mib);
    const SnapshotFile snapshot{file.path()};
    const GuestMemory again{snapshot.memory()};
    for (const uint64_t address : {page, page + 9, page + 10, GuestMemory::low_end - page - 1, GuestMemory::low_end - page, GuestMemory::low_end - 1,
                                   GuestMemory::high_start, GuestMemory::high_start + 1, GuestMemory::high_start + 2 * mib - 1, GuestMemory::high_start + 2 * mib + page - 1})
        EXPECT_EQ(byte_at(again, address), byte_at(memory, address)) << std::hex << address;
}

// A first region that ends in a hole, and a second one that is all hole.
TEST_F(SnapshotFiles, HolesAtTheEndsOfRegions) {
    const WatchedMemory memory{3 * gib + page};
    fill(memory, 0, 1, 1);
    write(memory);
    EXPECT_LT(written, 8 * mib);
    const SnapshotFile snapshot{file.path()};
    const GuestMemory again{snapshot.memory()};
    EXPECT_EQ(byte_at(again, 0), 1);
    EXPECT_EQ(byte_at(again, GuestMemory::low_end - 1), 0);
    EXPECT_EQ(byte_at(again, GuestMemory::high_start), 0);
}

TEST_F(SnapshotFiles, NoFile) {
    EXPECT_EQ(error_of([] { const SnapshotFile snapshot{"/nowhere/at/all"}; }), "/nowhere/at/all: No such file or directory");
    EXPECT_EQ(error_of([] { const SnapshotFile snapshot{"/"}; }), "/: this is no snapshot");
    EXPECT_EQ(error_of([] { const SnapshotFile snapshot{"/dev/zero"}; }), "/dev/zero: this is no snapshot");
}

TEST_F(SnapshotFiles, IsNone) {
    for (const uint64_t size : {uint64_t{0}, uint64_t{10}, page - 1, page, 3 * page}) {
        file.resize(size);
        EXPECT_EQ(error(), file.path() + ": this is no snapshot") << size;
    }
}

TEST_F(SnapshotFiles, OneThatWasNotFinishedIsNone) {
    file.resize(page + mib + 1000);
    fill(GuestMemory{mib}, 0, mib, 1);
    EXPECT_EQ(error(), file.path() + ": this is no snapshot") << "the header is written last";
}

TEST_F(SnapshotFiles, AnotherVersion) {
    write(GuestMemory{mib});
    file.put<uint32_t>(version_at, 2);
    EXPECT_EQ(error(), file.path() + ": the snapshot was written by another version of eremite");
}

TEST_F(SnapshotFiles, AnotherSizeThanItSays) {
    write(GuestMemory{mib});
    const std::string damaged = file.path() + ": the snapshot is damaged: its file has another size than it says";
    const uint64_t size = file.size();
    for (const uint64_t other : {page, page + mib / 2, page + mib, size - 1, size + 1}) {
        file.resize(other);
        EXPECT_EQ(error(), damaged) << other;
    }
    file.resize(size);
    const auto memory_size = file.get<uint64_t>(memory_size_at), state_size = file.get<uint64_t>(state_size_at);
    for (const uint64_t absurd : {uint64_t{0}, mib - page, mib + page, mib + 1, uint64_t{1} << 63, UINT64_MAX - page + 1, UINT64_MAX}) {
        file.put(memory_size_at, absurd);
        EXPECT_EQ(error(), damaged) << absurd;
    }
    // Where the sum is right the checksum is not.
    file.put(memory_size_at, memory_size - page);
    file.put(state_size_at, state_size + page);
    EXPECT_EQ(error(), file.path() + ": the snapshot is damaged: its state does not have its checksum");
    file.put(memory_size_at, memory_size);
    for (const uint64_t absurd : {uint64_t{0}, state_size - 1, state_size + 1, uint64_t{1} << 62, UINT64_MAX}) {
        file.put(state_size_at, absurd);
        EXPECT_EQ(error(), damaged) << absurd;
    }
}

TEST_F(SnapshotFiles, DamagedState) {
    write(GuestMemory{mib});
    const std::string damaged = file.path() + ": the snapshot is damaged: its state does not have its checksum";
    for (const uint64_t at : {page + mib, file.size() - 1}) {
        const auto right = file.get<uint8_t>(at);
        file.put<uint8_t>(at, right ^ 0x10);
        EXPECT_EQ(error(), damaged) << at;
        file.put(at, right);
    }
    EXPECT_EQ(error(), "none");
}

TEST_F(SnapshotFiles, NotesOfAnyKind) {
    for (const std::string& notes : {std::string{}, std::string{"a\0b", 3}, std::string(100'000, 'n')}) {
        MemoryFile other;
        (void)write_snapshot(other.descriptor(), GuestMemory{page}, some_state(notes));
        EXPECT_EQ(SnapshotFile{other.path()}.notes(), notes);
    }
    (void)write_snapshot(file.descriptor(), GuestMemory{page}, {});
    const SnapshotFile empty{file.path()};
    EXPECT_EQ(error_of([&] { (void)empty.notes(); }), "the snapshot is damaged: its state ends too early");
}

// As a limit of the user's, or a full disk, which differs by the text of errno.
struct FileSizeLimit {
    explicit FileSizeLimit(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before);
        const rlimit wanted{bytes, before.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &wanted);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before);
        std::signal(SIGXFSZ, handler);
    }
    rlimit before{};
    void (*handler)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

TEST_F(SnapshotFiles, NoRoomForIt) {
    const WatchedMemory memory{4 * mib};
    fill(memory, 3 * mib, page, 1);
    std::string told;
    {
        const FileSizeLimit limit{mib};
        told = error_of([&] { write(memory); });
    }
    EXPECT_EQ(told, "the snapshot cannot be written: File too large");
    EXPECT_NE(error(), "none") << "what was written is no snapshot";
    write(memory);
    expect_same(memory);
}

TEST_F(SnapshotFiles, NotToBeWritten) {
    const vmm::UniqueFd reader{::open("/dev/full", O_RDONLY | O_CLOEXEC)};
    EXPECT_TRUE(error_of([&] { (void)write_snapshot(reader.get(), GuestMemory{page}, {}); }).starts_with("the snapshot cannot be written: "));
    EXPECT_TRUE(error_of([&] { (void)write_snapshot(-1, GuestMemory{page}, {}); }).starts_with("the snapshot cannot be written: "));
}

}  // namespace
}  // namespace eremite::test

#include "fixture.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fs/conformance.hpp"

namespace eremite::test {

TEST_F(FuseFileSystem, WhatIsWrittenInsideIsReadOutsideAndTheOtherWayRound) {
    {
        const auto file = create("a näme");
        EXPECT_EQ(put(*file, "from inside"), 11);
    }
    EXPECT_EQ(read_server("a näme"), "from inside");
    const TreeFilePointer folder = server.tree.create(server.tree.root(), "sub folder", S_IFDIR | 0755);
    const TreeFilePointer file = server.tree.create(folder, "x", S_IFREG | 0644);
    server.tree.write(*file, 0, "from outside");
    EXPECT_EQ(text_of("/mnt/sub folder/x"), "from outside");
    server.tree.write(*file, 5, "the host side");
    EXPECT_EQ(text_of("/mnt/sub folder/x"), "from the host side");
    server.tree.rename(server.tree.root(), "sub folder", server.tree.root(), "moved", 0);
    EXPECT_EQ(text_of("/mnt/moved/x"), "from the host side");
    EXPECT_EQ(fs::find(context(), root(), "/mnt/sub folder/x").code(), ENOENT);
}

TEST_F(FuseFileSystem, OneInodeForOneFile) {
    on_server("a", "x");
    server.tree.link(*server.tree.root(), "b", server.tree.find("a"));
    const auto a = find("/mnt/a");
    EXPECT_EQ(find("/mnt/a").get(), a.get());
    EXPECT_EQ(find("/mnt/b").get(), a.get());
    EXPECT_EQ(find("/mnt/./../mnt").get(), mounted.get());
    std::array<char, 255> name;
    EXPECT_EQ(std::string(name.data(), a->name(name)), "b") << "the name that led to it last";
    EXPECT_EQ(server.known_files(), 1U);
    ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
    ASSERT_TRUE(find("/mnt/d")->create_directory("e", 0755).ok());
    const auto e = find("/mnt/d/e");
    std::array<char, 4096> path;
    EXPECT_EQ(fs::path_of(*e, path).value(), "/mnt/d/e");
    ASSERT_TRUE(find("/mnt/d")->rename("e", *mounted, "f", fs::RenameMode::Replace).ok());
    EXPECT_EQ(fs::path_of(*e, path).value(), "/mnt/f");
    EXPECT_EQ(find("/mnt/f").get(), e.get());
}

// The same number with another generation, or of another type, is another file.
TEST_F(FuseFileSystem, ANumberThatIsUsedAgainIsAnotherFile) {
    on_server("f", "x");
    const auto first = find("/mnt/f");
    server.tamper = [](const fuse_in_header& request, Bytes& reply) {
        if (request.opcode == FUSE_LOOKUP) ++reply[sizeof(fuse_out_header) + offsetof(fuse_entry_out, generation)];
    };
    const auto second = find("/mnt/f");
    EXPECT_NE(first.get(), second.get());
    EXPECT_EQ(find("/mnt/f").get(), second.get());
}

TEST_F(FuseFileSystem, LookupsAreCountedByFilesThatLive) {
    on_server("f", "x");
    {
        const auto file = find("/mnt/f");
        for (int i = 0; i < 5; ++i) (void)find("/mnt/f");
        EXPECT_EQ(server.known_files(), 1U);
        EXPECT_EQ(server.counts[FUSE_FORGET], 0);
    }
    EXPECT_EQ(server.known_files(), 0U);
    EXPECT_EQ(server.counts[FUSE_FORGET], 1) << "of all look-ups at once";
    EXPECT_EQ(mounted->lookup("absent").code(), ENOENT);
    EXPECT_EQ(server.counts[FUSE_FORGET], 1);
}

TEST_F(FuseFileSystem, LargeTransfersComeInPieces) {
    const std::string text = pattern(3'000'000);
    const auto file = create("large");
    EXPECT_EQ(put(*file, text), 3'000'000);
    EXPECT_EQ(read_server("large"), text);
    EXPECT_EQ(get_at(*file, 0, 4'000'000), text);
    EXPECT_EQ(get_at(*file, 2'999'990, 100), text.substr(2'999'990));
    EXPECT_EQ(get_at(*file, 3'000'000, 100), "");
    EXPECT_LE(server.counts[FUSE_WRITE], 6) << "of 512 KiB each at least";
}

TEST_F(FuseFileSystem, AServerMayTakeLessThanItWasGiven) {
    const std::string text = pattern(10'000);
    server.largest_write = 999;
    const auto file = create("f");
    EXPECT_EQ(put(*file, text), 10'000);
    EXPECT_EQ(read_server("f"), text);
    EXPECT_EQ(server.counts[FUSE_WRITE], 11);
    server.room = 1500;
    EXPECT_EQ(put(*file, text), 1500) << "what was taken is told";
    EXPECT_EQ(put(*file, text), -ENOSPC);
    EXPECT_EQ(read_server("f"), text + text.substr(0, 1500));
}

TEST_F(FuseFileSystem, AppendingIsDoneByTheServer) {
    on_server("log", "one ");
    const auto file = open(find("/mnt/log"), O_WRONLY | O_APPEND);
    EXPECT_EQ(put(*file, "two "), 4);
    server.tree.write(*server.tree.find("log"), 8, "host ");
    EXPECT_EQ(put(*file, "three "), 6);
    EXPECT_EQ(read_server("log"), "one two host three ");
    EXPECT_EQ(put_at(*file, 0, "end"), 3) << "as on Linux, pwrite() appends too";
    EXPECT_EQ(read_server("log"), "one two host three end");
    file->set_flags(O_WRONLY);
    EXPECT_EQ(put_at(*file, 0, "ONE"), 3);
    EXPECT_EQ(read_server("log"), "ONE two host three end");
}

TEST_F(FuseFileSystem, FilesAreSparseAndLarge) {
    const auto file = create("sparse");
    constexpr uint64_t far = uint64_t{5} << 30;
    EXPECT_EQ(put_at(*file, far, "end"), 3);
    EXPECT_EQ(file->attributes()->size, far + 3);
    EXPECT_EQ(file->attributes()->blocks, 8U);
    EXPECT_EQ(get_at(*file, far - 3, 10), std::string("\0\0\0end", 6));
    EXPECT_EQ(file->seek(0, SEEK_DATA).value(), far);
    EXPECT_EQ(file->seek(0, SEEK_HOLE).value(), 0U);
    EXPECT_EQ(file->seek(static_cast<int64_t>(far) + 3, SEEK_DATA).code(), ENXIO);
    EXPECT_EQ(fault(file->inode()->truncate(far + 1)), 0);
    EXPECT_EQ(server.tree.find("sparse")->bytes.size(), far + 1);
    EXPECT_EQ(fault(file->inode()->truncate(uint64_t{1} << 63)), EFBIG);
    EXPECT_EQ(put_at(*file, INT64_MAX, "x"), -EINVAL);
}

TEST_F(FuseFileSystem, AttributesAreThoseOfTheServer) {
    const auto file = create("f");
    fs::AttributeChange change;
    change.permissions = 0751;
    change.uid = 7;
    change.gid = 8;
    change.access_time = 1'000'000'000'000'000'001;
    change.modification_time = 2'000'000'000'999'999'999;
    ASSERT_TRUE(file->inode()->set_attributes(change).ok());
    const TreeFilePointer there = server.tree.find("f");
    EXPECT_EQ(there->mode, S_IFREG | 0751U);
    EXPECT_EQ(there->uid, 7U);
    EXPECT_EQ(there->gid, 8U);
    EXPECT_EQ(there->accessed, 1'000'000'000'000'000'001);
    EXPECT_EQ(there->modified, 2'000'000'000'999'999'999);
    auto attributes = file->attributes();
    ASSERT_TRUE(attributes.ok());
    EXPECT_EQ(attributes->mode, S_IFREG | 0751U);
    EXPECT_EQ(attributes->modification_time, 2'000'000'000'999'999'999);
    EXPECT_EQ(attributes->inode, there->number);
    EXPECT_EQ(attributes->device, file_system->device());
    there->links = 3;
    EXPECT_EQ(file->attributes()->links, 3U);
    there->links = 1;
    auto status = file_system->status();
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(status->magic, 0x65735546U);
    EXPECT_EQ(status->blocks, 1000U);
    EXPECT_EQ(status->free_blocks, 500U);
}

TEST_F(FuseFileSystem, AttributesAreBelievedAsLongAsTheServerSays) {
    server.attributes_valid = 2;
    on_server("f", "x");
    const auto file = find("/mnt/f");
    server.counts.clear();
    EXPECT_EQ(file->attributes()->size, 1U);
    EXPECT_EQ(server.counts[FUSE_GETATTR], 0) << "those of the look-up";
    server.tree.write(*server.tree.find("f"), 0, "xyz");
    EXPECT_EQ(file->attributes()->size, 1U);
    now += 2'000'000'000;
    EXPECT_EQ(file->attributes()->size, 3U);
    EXPECT_EQ(server.counts[FUSE_GETATTR], 1);
    EXPECT_EQ(put(*open(file, O_WRONLY), "longer"), 6);
    EXPECT_EQ(file->attributes()->size, 6U) << "what we changed is asked for";
    // For ever is a day at most.
    server.attributes_valid = UINT64_MAX;
    now += 2'000'000'000;
    EXPECT_EQ(file->attributes()->size, 6U);
    server.tree.write(*server.tree.find("f"), 0, "and longer");
    now += 86'401'000'000'000;
    EXPECT_EQ(file->attributes()->size, 10U);
}

TEST_F(FuseFileSystem, LinksAndSpecialFiles) {
    ASSERT_TRUE(mounted->create_symbolic_link("link", "d/ziel ü").ok());
    EXPECT_EQ(server.tree.find("link")->target, "d/ziel ü");
    EXPECT_EQ(fs::find(context(), root(), "/mnt/link", {.follow_last = false}).value()->link_target().value(), "d/ziel ü");
    ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
    server.tree.write(*server.tree.create(server.tree.find("d"), "ziel ü", S_IFREG | 0644), 0, "reached");
    EXPECT_EQ(text_of("/mnt/link"), "reached");
    ASSERT_TRUE(mounted->create("fifo", {.mode = S_IFIFO | 0600}).ok());
    EXPECT_EQ(server.tree.find("fifo")->mode, S_IFIFO | 0600U);
    EXPECT_EQ(find("/mnt/fifo")->open(O_WRONLY | O_NONBLOCK).code(), ENXIO) << "nobody reads";
    ASSERT_TRUE(mounted->create("device", {.mode = S_IFCHR | 0600, .device_number = fs::device_number(0x123, 0x45678)}).ok());
    EXPECT_EQ(server.tree.find("device")->device, 0x45612378U) << "as linux/kdev_t.h has it";
    EXPECT_EQ(find("/mnt/device")->attributes()->device_number, fs::device_number(0x123, 0x45678));
    ASSERT_TRUE(mounted->create("null", {.mode = S_IFCHR | 0666, .device_number = fs::device_number(1, 3)}).ok());
    EXPECT_EQ(put(*open(find("/mnt/null"), O_WRONLY), "gone"), 4) << "our own device";
}

TEST_F(FuseFileSystem, HardLinks) {
    const auto file = create("a");
    ASSERT_TRUE(mounted->link("b", *file->inode()).ok());
    EXPECT_EQ(find("/mnt/b").get(), file->inode());
    EXPECT_EQ(file->attributes()->links, 2U);
    ASSERT_TRUE(mounted->unlink("a").ok());
    EXPECT_EQ(file->attributes()->links, 1U);
    EXPECT_EQ(find("/mnt/b").get(), file->inode());
    EXPECT_FALSE(file->inode()->unlinked());
    ASSERT_TRUE(mounted->unlink("b").ok());
    EXPECT_TRUE(file->inode()->unlinked());
    EXPECT_EQ(file->attributes()->links, 0U);
    EXPECT_EQ(put(*file, "still"), 5);
    EXPECT_EQ(get_at(*file, 0, 10), "still");
    EXPECT_EQ(fault(mounted->link("c", *mounted)), EPERM);
    EXPECT_EQ(fault(mounted->link("c", *find("/dev/null"))), EXDEV);
    EXPECT_EQ(fault(mounted->link("c", *file->inode())), ENOENT);
}

TEST_F(FuseFileSystem, Renaming) {
    const auto old = create("target");
    EXPECT_EQ(put(*old, "old"), 3);
    const auto fresh = create("new");
    EXPECT_EQ(put(*fresh, "fresh"), 5);
    ASSERT_TRUE(mounted->rename("new", *mounted, "target", fs::RenameMode::Replace).ok());
    EXPECT_TRUE(old->inode()->unlinked());
    EXPECT_EQ(old->attributes()->links, 0U);
    EXPECT_EQ(get_at(*old, 0, 10), "old");
    EXPECT_EQ(read_server("target"), "fresh");
    EXPECT_EQ(fault(mounted->rename("target", *mounted, "target", fs::RenameMode::NoReplace)), EEXIST);
    ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
    const auto directory = find("/mnt/d");
    EXPECT_EQ(fault(mounted->rename("target", *directory, "inner", fs::RenameMode::NoReplace)), 0);
    EXPECT_EQ(find("/mnt/d/inner").get(), fresh->inode());
    const auto other = create("other");
    ASSERT_TRUE(mounted->rename("other", *directory, "inner", fs::RenameMode::Exchange).ok());
    std::array<char, 4096> path;
    EXPECT_EQ(fs::path_of(*fresh->inode(), path).value(), "/mnt/other");
    EXPECT_EQ(fs::path_of(*other->inode(), path).value(), "/mnt/d/inner");
    EXPECT_EQ(find("/mnt/other").get(), fresh->inode());
    EXPECT_EQ(fault(mounted->rename("d", *directory, "x", fs::RenameMode::Replace)), EINVAL);
    EXPECT_EQ(fault(mounted->rename("d", *find("/dev"), "x", fs::RenameMode::Replace)), EXDEV);
    server.errors[FUSE_RENAME2] = ENOSYS;
    EXPECT_EQ(fault(mounted->rename("other", *mounted, "x", fs::RenameMode::NoReplace)), EINVAL) << "the server cannot";
    EXPECT_EQ(fault(mounted->rename("other", *mounted, "x", fs::RenameMode::Replace)), 0);
}

TEST_F(FuseFileSystem, DirectoriesGoWithTheirNames) { expect_directories_to_go_with_their_names(); }

TEST_F(FuseFileSystem, LargeFoldersAreListedPageByPage) {
    std::multiset<std::string> expected{".", "..", "z"};
    for (int i = 0; i < 3000; ++i) {
        const std::string name = "file with number " + std::to_string(i);
        on_server(name);
        expected.insert(name);
    }
    on_server("z", "", S_IFDIR | 0755);
    const auto directory = open(mounted, O_RDONLY | O_DIRECTORY);
    std::multiset<std::string> names;
    for (;;) {
        Names some{7};
        ASSERT_TRUE(directory->list(some).ok());
        if (some.names.empty()) break;
        names.merge(some.names);
    }
    EXPECT_EQ(names, expected);
    EXPECT_LT(server.counts[FUSE_READDIR] + server.counts[FUSE_READDIRPLUS], 20) << "not a request for each piece";
    EXPECT_EQ(directory->seek(0, SEEK_SET).value(), 0U);
    Names again;
    ASSERT_TRUE(directory->list(again).ok());
    EXPECT_EQ(again.names, expected);
    EXPECT_EQ(again.types["z"], fs::FileType::Directory);
    EXPECT_EQ(again.types["file with number 5"], fs::FileType::Regular);
    EXPECT_EQ(again.inodes["."], mounted->attributes()->inode);
    EXPECT_EQ(again.inodes[".."], root()->attributes()->inode) << "of what is mounted on";
    EXPECT_EQ(again.inodes["z"], find("/mnt/z")->attributes()->inode);
    uint64_t cursor = 0;
    Names without_opening;
    ASSERT_TRUE(mounted->list(cursor, without_opening).ok());
    EXPECT_EQ(without_opening.names, expected);
}

TEST_F(FuseFileSystem, ABrokenTransportIsAnIoError) { expect_io_errors_of_a_broken(transport); }

TEST_F(FuseFileSystem, TransfersManageWithoutMemory) {
    const std::string text(100'000, 'x');
    transfer_without_memory(text);
    EXPECT_EQ(read_server("f"), text);
}

TEST_F(FuseFileSystem, AFailedAllocationFailsOneCallAndLosesNothing) {
    on_server("f", "text");
    on_server("d", "", S_IFDIR | 0755);
    int failures = 0;
    for (int64_t successes = 0; successes < 40; ++successes) {
        failures += failures_of_allocations(successes);
        if (server.tree.find("g")) server.tree.rename(server.tree.root(), "g", server.tree.root(), "f", 0);
        if (server.tree.find("new")) server.tree.unlink(*server.tree.root(), "new");
        ASSERT_EQ(server.known_files(), 0U);
        ASSERT_EQ(server.open_files(), 0U);
    }
    EXPECT_GT(failures, 10);
}

class FuseConformance : public FuseFileSystem, public testing::WithParamInterface<bool> {
protected:
    FuseConformance() : FuseFileSystem{GetParam()} {}
};
INSTANTIATE_TEST_SUITE_P(Caches, FuseConformance, testing::Bool(), [](const auto& info) { return info.param ? "Cached" : "Uncached"; });

TEST_P(FuseConformance, SameResultsAsLinux) {
    if (::access("/dev/shm", W_OK) != 0 || ::geteuid() != 0) GTEST_SKIP() << "needs root and a tmpfs at /dev/shm";
    const std::vector<std::string> expected = checked_by_linux({.unnamed = true});
    const std::vector<std::string> actual = checked_by_us("/mnt/checks", {.unnamed = true});
    ASSERT_GT(expected.size(), 800U);
    EXPECT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
        // The address space of the test has no areas to be listed, and this is not a tmpfs.
        if (expected[i].find("read(3, buffer, sizeof buffer) > 0") != std::string::npos || expected[i] == "system.f_type 16914836 0") continue;
        EXPECT_EQ(actual[i], expected[i]) << "line " << i + 1;
    }
}

}  // namespace eremite::test

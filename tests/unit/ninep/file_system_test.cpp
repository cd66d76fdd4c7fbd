#include "file_system_fixture.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/unit/fs/conformance.hpp"

namespace eremite::test {

TEST_F(NinepFileSystem, WhatIsWrittenInsideIsReadOutsideAndTheOtherWayRound) {
    {
        const auto file = create("a näme");
        EXPECT_EQ(put(*file, "from inside"), 11);
    }
    EXPECT_EQ(read_host("a näme"), "from inside");
    filesystem::create_directory(host("sub folder"));
    write_host("sub folder/x", "from outside");
    EXPECT_EQ(text_of("/mnt/sub folder/x"), "from outside");
    write_host("sub folder/x", "changed");
    EXPECT_EQ(text_of("/mnt/sub folder/x"), "changed");
    filesystem::rename(host("sub folder"), host("moved"));
    EXPECT_EQ(text_of("/mnt/moved/x"), "changed");
    EXPECT_EQ(fs::find(context(), root(), "/mnt/sub folder/x").code(), ENOENT);
}

TEST_F(NinepFileSystem, OneInodeForOneFile) {
    write_host("a", "x");
    filesystem::create_hard_link(host("a"), host("b"));
    const auto a = find("/mnt/a");
    EXPECT_EQ(find("/mnt/a").get(), a.get());
    EXPECT_EQ(find("/mnt/b").get(), a.get());
    EXPECT_EQ(find("/mnt/./../mnt").get(), mounted.get());
    std::array<char, 255> name;
    EXPECT_EQ(std::string(name.data(), a->name(name)), "b") << "the name that led to it last";
    filesystem::create_directories(host("d/e"));
    const auto e = find("/mnt/d/e");
    std::array<char, 4096> path;
    EXPECT_EQ(fs::path_of(*e, path).value(), "/mnt/d/e");
    ASSERT_TRUE(find("/mnt/d")->rename("e", *mounted, "f", fs::RenameMode::Replace).ok());
    EXPECT_EQ(fs::path_of(*e, path).value(), "/mnt/f");
    EXPECT_EQ(find("/mnt/f").get(), e.get());
}

TEST_F(NinepFileSystem, LargeTransfersComeInPieces) {
    const std::string text = pattern(3'000'000);
    const auto file = create("large");
    EXPECT_EQ(put(*file, text), 3'000'000);
    EXPECT_EQ(read_host("large"), text);
    EXPECT_EQ(get_at(*file, 0, 4'000'000), text);
    EXPECT_EQ(get_at(*file, 2'999'990, 100), text.substr(2'999'990));
    EXPECT_EQ(get_at(*file, 3'000'000, 100), "");
    EXPECT_EQ(server.counts[118], 6) << "of 512 KiB each";
}

TEST_F(NinepFileSystem, PositionsMoveAndSeek) {
    const auto file = create("p");
    EXPECT_EQ(put(*file, "0123456789"), 10);
    EXPECT_EQ(file->seek(-4, SEEK_END).value(), 6U);
    EXPECT_EQ(read(*file, 2), "67");
    EXPECT_EQ(read(*file, 10), "89");
    EXPECT_EQ(file->seek(0, SEEK_CUR).value(), 10U);
    EXPECT_EQ(put_at(*file, 2, "ab"), 2);
    EXPECT_EQ(file->seek(0, SEEK_CUR).value(), 10U);
    EXPECT_EQ(read_host("p"), "01ab456789");
    EXPECT_EQ(file->seek(3, SEEK_HOLE).value(), 10U);
    EXPECT_EQ(file->seek(3, SEEK_DATA).value(), 3U);
    EXPECT_EQ(file->seek(10, SEEK_DATA).code(), ENXIO);
}

TEST_F(NinepFileSystem, AppendingIsDoneByTheServer) {
    write_host("log", "one ");
    const auto file = open(find("/mnt/log"), O_WRONLY | O_APPEND);
    EXPECT_EQ(put(*file, "two "), 4);
    std::ofstream{host("log"), std::ios::app} << "host ";
    EXPECT_EQ(put(*file, "three "), 6);
    EXPECT_EQ(read_host("log"), "one two host three ");
    EXPECT_EQ(put_at(*file, 0, "end"), 3) << "as on Linux, pwrite() appends too";
    EXPECT_EQ(read_host("log"), "one two host three end");
    // F_SETFL in both directions.
    file->set_flags(O_WRONLY);
    EXPECT_EQ(put_at(*file, 0, "ONE"), 3);
    EXPECT_EQ(read_host("log"), "ONE two host three end");
    const auto plain = open(find("/mnt/log"), O_WRONLY);
    plain->set_flags(O_WRONLY | O_APPEND);
    EXPECT_EQ(put(*plain, "."), 1);
    EXPECT_EQ(read_host("log"), "ONE two host three end.");
    EXPECT_EQ(plain->seek(0, SEEK_CUR).value(), 23U);
}

TEST_F(NinepFileSystem, FilesAreSparseAndLarge) {
    const auto file = create("sparse");
    constexpr uint64_t far = uint64_t{5} << 30;
    EXPECT_EQ(put_at(*file, far, "end"), 3);
    EXPECT_EQ(file->attributes()->size, far + 3);
    EXPECT_LT(file->attributes()->blocks, 100U);
    EXPECT_EQ(get_at(*file, far - 3, 10), std::string("\0\0\0end", 6));
    EXPECT_EQ(fault(file->inode()->truncate(far + 1)), 0);
    EXPECT_EQ(filesystem::file_size(host("sparse")), far + 1);
    EXPECT_EQ(fault(file->inode()->truncate(uint64_t{1} << 63)), EFBIG);
    EXPECT_EQ(put_at(*file, INT64_MAX, "x"), -EINVAL);
}

TEST_F(NinepFileSystem, AttributesAreThoseOfTheHost) {
    const auto file = create("f");
    fs::AttributeChange change;
    change.permissions = 0751;
    change.access_time = 1'000'000'000'000'000'001;
    change.modification_time = -5'000'000'001;
    ASSERT_TRUE(file->inode()->set_attributes(change).ok());
    struct stat s;
    ASSERT_EQ(::stat(host("f").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode, S_IFREG | 0751U);
    EXPECT_EQ(s.st_atim.tv_sec, 1'000'000'000);
    EXPECT_EQ(s.st_atim.tv_nsec, 1);
    EXPECT_EQ(s.st_mtim.tv_sec, -6);
    EXPECT_EQ(s.st_mtim.tv_nsec, 999'999'999);
    auto attributes = file->attributes();
    ASSERT_TRUE(attributes.ok());
    EXPECT_EQ(attributes->mode, S_IFREG | 0751U);
    EXPECT_EQ(attributes->modification_time, -5'000'000'001);
    EXPECT_EQ(attributes->inode, s.st_ino);
    EXPECT_EQ(attributes->device, file_system->device());
    auto status = file_system->status();
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(status->magic, 0x01021997U);
    EXPECT_GT(status->blocks, 0U);
}

TEST_F(NinepFileSystem, AttributesOfAFreshLookupAreAskedForOnce) {
    write_host("f", "x");
    server.counts.clear();
    const auto file = find("/mnt/f");
    EXPECT_EQ(file->attributes()->size, 1U);
    EXPECT_EQ(server.counts[24], 1) << "those of the look-up are used";
    write_host("f", "xyz");
    EXPECT_EQ(file->attributes()->size, 3U);
    EXPECT_EQ(server.counts[24], 2) << "but once only";
}

TEST_F(NinepFileSystem, LinksAndSpecialFiles) {
    ASSERT_TRUE(mounted->create_symbolic_link("link", "d/ziel ü").ok());
    EXPECT_EQ(filesystem::read_symlink(host("link")), "d/ziel ü");
    EXPECT_EQ(fs::find(context(), root(), "/mnt/link", {.follow_last = false}).value()->link_target().value(), "d/ziel ü");
    filesystem::create_directory(host("d"));
    write_host("d/ziel ü", "reached");
    EXPECT_EQ(text_of("/mnt/link"), "reached");
    filesystem::create_symlink("/mnt/d", host("absolute"));
    EXPECT_EQ(text_of("/mnt/absolute/ziel ü"), "reached");
    ASSERT_EQ(::mkfifo(host("fifo").c_str(), 0600), 0);
    EXPECT_EQ(find("/mnt/fifo")->type(), fs::FileType::Fifo);
    EXPECT_EQ(find("/mnt/fifo")->open(O_WRONLY | O_NONBLOCK).code(), ENXIO) << "nobody reads";
    EXPECT_TRUE(find("/mnt/fifo")->open(O_RDWR).ok());
    if (::geteuid() == 0 && mounted->create("null", {.mode = S_IFCHR | 0666, .device_number = fs::device_number(1, 3)}).ok()) {
        struct stat s;
        ASSERT_EQ(::stat(host("null").c_str(), &s), 0);
        EXPECT_EQ(s.st_rdev, makedev(1, 3));
        EXPECT_EQ(put(*open(find("/mnt/null"), O_WRONLY), "gone"), 4) << "our own device";
    }
}

TEST_F(NinepFileSystem, LargeFoldersAreListed) {
    std::multiset<std::string> expected{".", ".."};
    for (int i = 0; i < 3000; ++i) {
        const std::string name = "file with number " + std::to_string(i);
        write_host(name, "");
        expected.insert(name);
    }
    filesystem::create_directory(host("z"));
    expected.insert("z");
    const auto directory = open(mounted, O_RDONLY | O_DIRECTORY);
    server.counts.clear();
    std::multiset<std::string> names;
    for (;;) {
        Names some{7};
        ASSERT_TRUE(directory->list(some).ok());
        if (some.names.empty()) break;
        names.merge(some.names);
    }
    EXPECT_EQ(names, expected);
    EXPECT_LT(server.counts[40], 20) << "not a request for each piece";
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

TEST_F(NinepFileSystem, ErrorsAreTheServers) {
    write_host("f", "x");
    EXPECT_EQ(mounted->create_open("f", 0644, O_RDWR).code(), EEXIST);
    EXPECT_EQ(mounted->create_directory("f", 0755).code(), EEXIST);
    EXPECT_EQ(fault(mounted->unlink("absent")), ENOENT);
    filesystem::create_directory(host("d"));
    EXPECT_EQ(fault(mounted->unlink("d")), EISDIR);
    EXPECT_EQ(fault(mounted->remove_directory("f")), ENOTDIR);
    EXPECT_EQ(fault(mounted->rename("d", *find("/mnt/d"), "x", fs::RenameMode::Replace)), EINVAL);
    server.read_only = true;
    EXPECT_EQ(find("/mnt/f")->open(O_RDWR).code(), EROFS);
    EXPECT_EQ(fault(mounted->unlink("f")), EROFS);
    EXPECT_EQ(find("/mnt/f")->open(O_RDONLY).code(), 0);
}

TEST_F(NinepFileSystem, ABrokenTransportIsAnIoError) { expect_io_errors_of_a_broken(transport); }

TEST_F(NinepFileSystem, TransfersManageWithoutMemory) {
    const std::string text(100'000, 'x');
    transfer_without_memory(text);
    EXPECT_EQ(read_host("f"), text);
}

TEST_F(NinepFileSystem, AFailedAllocationFailsOneCallAndLosesNothing) {
    write_host("f", "text");
    filesystem::create_directory(host("d"));
    int failures = 0;
    for (int64_t successes = 0; successes < 40; ++successes) {
        failures += failures_of_allocations(successes);
        if (filesystem::exists(host("g"))) filesystem::rename(host("g"), host("f"));
        filesystem::remove(host("new"));
    }
    EXPECT_GT(failures, 10);
}

// On a tmpfs, so that what Linux itself says is comparable.
class NinepConformance : public NinepFileSystem, public testing::WithParamInterface<bool> {
protected:
    NinepConformance() : NinepFileSystem{"/dev/shm", GetParam()} {}
};
INSTANTIATE_TEST_SUITE_P(Caches, NinepConformance, testing::Bool(), [](const auto& info) { return info.param ? "Cached" : "Uncached"; });

TEST_P(NinepConformance, SameResultsAsLinux) {
    if (::access("/dev/shm", W_OK) != 0 || ::geteuid() != 0) GTEST_SKIP() << "needs root and a tmpfs at /dev/shm";
    const std::vector<std::string> expected = checked_by_linux({.most = true});
    const std::vector<std::string> actual = checked_by_us("/mnt/checks", {.most = true});
    ASSERT_GT(expected.size(), 800U);
    EXPECT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
        // The address space of the test has no areas to be listed.
        if (expected[i].find("read(3, buffer, sizeof buffer) > 0") != std::string::npos) continue;
        EXPECT_EQ(actual[i], expected[i]) << "line " << i + 1;
    }
}

}  // namespace eremite::test

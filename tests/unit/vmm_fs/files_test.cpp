// Regular files: opened, made, read, written.
#include <linux/falloc.h>

#include "fixture.hpp"

namespace eremite::test {
namespace {

TEST_F(ShareTest, ReadAndWrite) {
    write_host(shared / "f", "0123456789");
    const uint64_t handle = handle_of(node_of("f"));
    EXPECT_EQ(read(handle, 0, 4).text(), "0123");
    EXPECT_EQ(read(handle, 8, 100).text(), "89");
    EXPECT_EQ(read(handle, 10, 100).text(), "");
    EXPECT_EQ(read(handle, 0, 100, sizeof(fuse_out_header) + 3).text(), "012") << "no more than finds room";
    EXPECT_EQ(read(handle, 0, 0).error, 0);
    EXPECT_EQ(read(handle, UINT64_MAX, 4).error, EINVAL);
    EXPECT_EQ(read(handle, uint64_t{INT64_MAX} - 2, 4).error, EINVAL);
    EXPECT_EQ(write(handle, 8, "xyz").as<fuse_write_out>().size, 3U);
    EXPECT_EQ(read_host(shared / "f"), "01234567xyz");
    EXPECT_EQ(write(handle, 0, "").as<fuse_write_out>().size, 0U);
    EXPECT_EQ(write(handle, UINT64_MAX, "x").error, EINVAL);
    EXPECT_EQ(write(handle, 20, "end").error, 0);
    EXPECT_EQ(read_host(shared / "f"), std::string("01234567xyz") + std::string(9, '\0') + "end");
}

TEST_F(ShareTest, LargeTransfersInVeryManyPieces) {
    std::string text(100'000, '\0');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 ^ (i >> 9));
    // More than one system call takes (IOV_MAX).
    piece = 17;
    const uint64_t handle = create("f").as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
    EXPECT_EQ(write(handle, 5, text).as<fuse_write_out>().size, text.size());
    EXPECT_EQ(read(handle, 5, 200'000, 200'000).text(), text);
    EXPECT_EQ(read_host(shared / "f").substr(5), text);
    piece = 1 << 20;
    const std::string most(1 << 20, 'm');
    EXPECT_EQ(write(handle, 0, most).as<fuse_write_out>().size, most.size());
    EXPECT_EQ(read(handle, 0, 4 << 20, 5 << 20).text(), most) << "no more than was agreed on";
    EXPECT_EQ(write(handle, 0, most + "m").error, EINVAL);
}

TEST_F(ShareTest, HandlesMayDoWhatTheyWereOpenedFor) {
    write_host(shared / "f", "text");
    const uint64_t node = node_of("f");
    const uint64_t reader = handle_of(node, O_RDONLY), writer = handle_of(node, O_WRONLY), appender = handle_of(node, O_WRONLY | O_APPEND);
    EXPECT_EQ(write(reader, 0, "x").error, EBADF);
    EXPECT_EQ(read(writer, 0, 4).error, EBADF);
    EXPECT_EQ(write(appender, 0, "!").error, 0);
    EXPECT_EQ(read_host(shared / "f"), "text!");
    EXPECT_EQ(open(node, O_WRONLY | O_TRUNC).error, 0);
    EXPECT_EQ(read_host(shared / "f"), "");
    // Neither, which Linux allows.
    const uint64_t neither = handle_of(node, O_ACCMODE);
    EXPECT_EQ(read(neither, 0, 4).error, EBADF);
    EXPECT_EQ(write(neither, 0, "x").error, EBADF);
    // What is about names, or would ask for special memory, is not for here.
    EXPECT_EQ(write(handle_of(node, O_RDWR | O_DIRECT | O_CREAT | O_EXCL | O_NOFOLLOW), 0, "odd").error, 0);
    EXPECT_EQ(open(FUSE_ROOT_ID, O_RDONLY).error, EISDIR);
}

TEST_F(ShareTest, Create) {
    const auto created = create("f", O_RDWR | O_EXCL, 0666, 0027);
    const auto entry = created.as<fuse_entry_out>();
    EXPECT_EQ(entry.attr.mode, uint32_t{S_IFREG | 0640});
    EXPECT_EQ(stat_host(shared / "f").st_mode, mode_t{S_IFREG | 0640});
    const uint64_t handle = created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
    EXPECT_EQ(write(handle, 0, "text").error, 0);
    EXPECT_EQ(node_of("f"), entry.nodeid);
    EXPECT_EQ(create("f").error, EEXIST);
    const auto again = create("f", O_RDONLY);
    EXPECT_EQ(again.as<fuse_entry_out>().nodeid, entry.nodeid);
    EXPECT_EQ(read(again.as<fuse_open_out>(sizeof(fuse_entry_out)).fh, 0, 10).text(), "text");
    EXPECT_EQ(create("f", O_RDWR | O_TRUNC).error, 0);
    EXPECT_EQ(read_host(shared / "f"), "");
    EXPECT_EQ(create("f", O_RDWR, 0644, 0, entry.nodeid).error, ENOTDIR);
    EXPECT_EQ(create("g", O_RDWR, 0644, 0, 99).error, EBADF);
}

TEST_F(ShareTest, WritableHandleOfAFileThatIsMadeUnwritable) {
    const auto created = create("f", O_WRONLY | O_EXCL, 0);
    EXPECT_EQ(created.as<fuse_entry_out>().attr.mode, uint32_t{S_IFREG});
    EXPECT_EQ(write(created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh, 0, "text").error, 0);
}

TEST_F(ShareTest, CreateOfWhatMustNotBeOpened) {
    make_folder("d");
    make_link("l", (outside / "secret").string());
    ASSERT_EQ(::mkfifo((shared / "p").c_str(), 0600), 0);
    const size_t before = known();
    EXPECT_EQ(create("d", O_RDWR).error, EISDIR);
    EXPECT_EQ(create("l", O_RDWR | O_TRUNC).error, ELOOP);
    EXPECT_EQ(create("p", O_RDWR).error, ENXIO);
    EXPECT_EQ(opened(), 0U);
    forget(node_of("p"));
    EXPECT_EQ(known(), before) << "what failed told nothing";
}

TEST_F(ShareTest, NamelessFiles) {
    const auto make = [this](uint32_t flags) {
        return ask(FUSE_TMPFILE, FUSE_ROOT_ID, Body{}.add(fuse_create_in{flags, S_IFREG | 0600, 0, 0}).text("/"));
    };
    const auto made = make(O_RDWR);
    if (made.error == EOPNOTSUPP) GTEST_SKIP() << "the file system has no O_TMPFILE";
    const auto entry = made.as<fuse_entry_out>();
    EXPECT_EQ(entry.attr.nlink, 0U);
    EXPECT_TRUE(std::filesystem::is_empty(shared));
    EXPECT_EQ(write(made.as<fuse_open_out>(sizeof(fuse_entry_out)).fh, 0, "text").error, 0);
    EXPECT_EQ(ask(FUSE_LINK, FUSE_ROOT_ID, Body{}.add(fuse_link_in{entry.nodeid}).text("named")).as<fuse_entry_out>().nodeid, entry.nodeid);
    EXPECT_EQ(read_host(shared / "named"), "text");
    EXPECT_EQ(make(O_RDONLY).error, EINVAL);
    EXPECT_EQ(ask(FUSE_TMPFILE, entry.nodeid, Body{}.add(fuse_create_in{O_RDWR, 0600, 0, 0}).text("/")).error, ENOTDIR);
}

TEST_F(ShareTest, FlushAndSynchronize) {
    const uint64_t handle = create("f").as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
    EXPECT_EQ(write(handle, 0, "text").error, 0);
    EXPECT_EQ(ask(FUSE_FLUSH, FUSE_ROOT_ID, Body{}.add(fuse_flush_in{handle, 0, 0, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_FSYNC, FUSE_ROOT_ID, Body{}.add(fuse_fsync_in{handle, 0, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_FSYNC, FUSE_ROOT_ID, Body{}.add(fuse_fsync_in{handle, FUSE_FSYNC_FDATASYNC, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_SYNCFS, FUSE_ROOT_ID, Body{}.add(fuse_syncfs_in{})).error, 0);
    EXPECT_EQ(ask(FUSE_FLUSH, FUSE_ROOT_ID, Body{}.add(fuse_flush_in{99, 0, 0, 0})).error, EBADF);
    EXPECT_EQ(ask(FUSE_FSYNC, FUSE_ROOT_ID, Body{}.add(fuse_fsync_in{99, 0, 0})).error, EBADF);
    EXPECT_EQ(ask(FUSE_RELEASE, FUSE_ROOT_ID, Body{}.add(fuse_release_in{handle, 0, 0, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_RELEASE, FUSE_ROOT_ID, Body{}.add(fuse_release_in{handle, 0, 0, 0})).error, EBADF);
    EXPECT_EQ(read(handle, 0, 4).error, EBADF);
    EXPECT_EQ(opened(), 0U);
}

TEST_F(ShareTest, AllocateAndSeek) {
    const uint64_t handle = create("f").as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
    const auto allocate = [&](uint64_t offset, uint64_t length, uint32_t mode) {
        return ask(FUSE_FALLOCATE, FUSE_ROOT_ID, Body{}.add(fuse_fallocate_in{handle, offset, length, mode, 0})).error;
    };
    const auto seek = [&](uint64_t offset, uint32_t whence) {
        return ask(FUSE_LSEEK, FUSE_ROOT_ID, Body{}.add(fuse_lseek_in{handle, offset, whence, 0}));
    };
    EXPECT_EQ(allocate(0, 0, 0), EINVAL);
    EXPECT_EQ(allocate(UINT64_MAX, 1, 0), EINVAL);
    EXPECT_EQ(allocate(0, UINT64_MAX, 0), EINVAL);
    if (const int error = allocate(0, 10'000, 0); error != EOPNOTSUPP) {
        EXPECT_EQ(error, 0);
        EXPECT_EQ(stat_host(shared / "f").st_size, 10'000);
        EXPECT_EQ(allocate(0, 20'000, FALLOC_FL_KEEP_SIZE), 0);
        EXPECT_EQ(stat_host(shared / "f").st_size, 10'000);
    }
    EXPECT_EQ(write(handle, 100'000, "data").error, 0);
    EXPECT_EQ(seek(100'000, SEEK_DATA).as<fuse_lseek_out>().offset, 100'000U);
    EXPECT_EQ(seek(100'000, SEEK_HOLE).as<fuse_lseek_out>().offset, 100'004U);
    EXPECT_EQ(seek(200'000, SEEK_DATA).error, ENXIO);
    EXPECT_EQ(seek(0, SEEK_SET).error, EINVAL);
    EXPECT_EQ(seek(0, 77).error, EINVAL);
}

TEST_F(ShareTest, CopyRange) {
    write_host(shared / "f", "0123456789");
    const uint64_t from = handle_of(node_of("f"), O_RDONLY), to = create("g").as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
    const auto copy = [this](uint64_t source, uint64_t at, uint64_t target, uint64_t target_at, uint64_t size) {
        fuse_copy_file_range_in in{};
        in.fh_in = source, in.off_in = at, in.fh_out = target, in.off_out = target_at, in.len = size;
        return ask(FUSE_COPY_FILE_RANGE, FUSE_ROOT_ID, Body{}.add(in));
    };
    EXPECT_EQ(copy(from, 2, to, 1, 100).as<fuse_write_out>().size, 8U);
    EXPECT_EQ(read_host(shared / "g"), std::string("\0", 1) + "23456789");
    EXPECT_EQ(copy(to, 0, from, 0, 1).error, EBADF);
    EXPECT_EQ(copy(from, 0, 99, 0, 1).error, EBADF);
    EXPECT_EQ(copy(from, UINT64_MAX, to, 0, 1).error, EINVAL);
    EXPECT_EQ(copy(from, 0, to, UINT64_MAX, 1).error, EINVAL);
}

TEST_F(ShareTest, SetIdsGoWhereTheGuestSays) {
    write_host(shared / "f", "text");
    ASSERT_EQ(::chmod((shared / "f").c_str(), 06775), 0);
    const uint64_t node = node_of("f"), handle = handle_of(node);
    EXPECT_EQ(write(handle, 0, "x", FUSE_WRITE_KILL_SUIDGID).error, 0);
    EXPECT_EQ(stat_host(shared / "f").st_mode & 07777, 0775U);
    ASSERT_EQ(::chmod((shared / "f").c_str(), 06765), 0);
    fuse_setattr_in in{};
    in.valid = FATTR_SIZE | FATTR_KILL_SUIDGID, in.size = 1;
    EXPECT_EQ(set_attributes(node, in).error, 0);
    EXPECT_EQ(stat_host(shared / "f").st_mode & 07777, 02765U) << "without the right to execute it is not set-group-ID";
}

}  // namespace
}  // namespace eremite::test

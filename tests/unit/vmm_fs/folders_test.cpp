// Folders that are listed.
#include <dirent.h>

#include <map>

#include "fixture.hpp"

namespace eremite::test {
namespace {

struct Listed {
    fuse_entry_out entry{};
    fuse_dirent fixed{};
};

class ListTest : public ShareTest {
protected:
    Answer list(uint64_t folder, uint64_t handle, uint64_t offset, uint32_t size, bool plus, size_t room = 1 << 16) {
        return ask(plus ? FUSE_READDIRPLUS : FUSE_READDIR, folder, Body{}.add(reading(handle, offset, size)), room);
    }
    static std::map<std::string, Listed> parse(const Answer& answer, bool plus, uint64_t& next) {
        std::map<std::string, Listed> found;
        size_t at = 0;
        while (at < answer.bytes.size()) {
            Listed listed;
            if (plus) listed.entry = answer.as<fuse_entry_out>(at), at += sizeof(fuse_entry_out);
            EXPECT_GE(answer.bytes.size(), at + FUSE_NAME_OFFSET);
            std::memcpy(&listed.fixed, answer.bytes.data() + at, FUSE_NAME_OFFSET);
            const std::string name = answer.text().substr(at + FUSE_NAME_OFFSET, listed.fixed.namelen);
            EXPECT_TRUE(found.emplace(name, listed).second) << name << " twice";
            next = listed.fixed.off;
            at += FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + listed.fixed.namelen);
        }
        EXPECT_EQ(at, answer.bytes.size());
        return found;
    }
    std::map<std::string, Listed> all(uint64_t folder, uint32_t size, bool plus) {
        const uint64_t handle = folder_handle_of(folder);
        std::map<std::string, Listed> found;
        uint64_t next = 0;
        for (;;) {
            const Answer answer = list(folder, handle, next, size, plus);
            EXPECT_EQ(answer.error, 0);
            EXPECT_LE(answer.bytes.size(), size);
            if (answer.bytes.empty()) break;
            for (const auto& [name, listed] : parse(answer, plus, next)) EXPECT_TRUE(found.emplace(name, listed).second) << name << " twice";
        }
        EXPECT_EQ(ask(FUSE_RELEASEDIR, folder, Body{}.add(fuse_release_in{handle, 0, 0, 0})).error, 0);
        return found;
    }
};

TEST_F(ListTest, EverythingOnceWhateverTheRoom) {
    for (int i = 0; i < 100; ++i) write_host(shared / ("file" + std::to_string(i)), "");
    std::filesystem::create_directory(shared / "d");
    std::filesystem::create_symlink("x", shared / "l");
    write_host(shared / std::string(255, 'n'), "");
    for (const uint32_t size : {512U, 1000U, 4096U, 65536U}) {
        const auto found = all(FUSE_ROOT_ID, size, false);
        ASSERT_EQ(found.size(), 105U);
        EXPECT_EQ(found.at("d").fixed.type, uint32_t{DT_DIR});
        EXPECT_EQ(found.at("l").fixed.type, uint32_t{DT_LNK});
        EXPECT_EQ(found.at("file7").fixed.type, uint32_t{DT_REG});
        EXPECT_EQ(found.at("file7").fixed.ino, stat_host(shared / "file7").st_ino);
        EXPECT_EQ(found.count(std::string(255, 'n')), 1U);
    }
    EXPECT_EQ(known(), 1U);
    EXPECT_EQ(opened(), 0U);
}

TEST_F(ListTest, LookedUpAtOnce) {
    for (int i = 0; i < 100; ++i) write_host(shared / ("file" + std::to_string(i)), std::to_string(i));
    for (const uint32_t size : {600U, 4096U, 65536U}) {
        const auto found = all(FUSE_ROOT_ID, size, true);
        ASSERT_EQ(found.size(), 102U);
        EXPECT_EQ(found.at(".").entry.nodeid, 0U);
        EXPECT_EQ(found.at("..").entry.nodeid, 0U);
        EXPECT_EQ(known(), 101U);
        for (const auto& [name, listed] : found) {
            if (name[0] == '.') continue;
            EXPECT_EQ(listed.entry.attr.size, name.size() - 4);
            EXPECT_EQ(listed.entry.attr.ino, listed.fixed.ino);
            EXPECT_EQ(node_of(name), listed.entry.nodeid);
            forget(listed.entry.nodeid);
            EXPECT_EQ(get_attributes(listed.entry.nodeid).error, 0) << "what did not fit was not told";
            forget(listed.entry.nodeid);
        }
        EXPECT_EQ(known(), 1U) << size;
    }
}

TEST_F(ListTest, AboveTheRootIsTheRoot) {
    const uint64_t root = stat_host(shared).st_ino;
    ASSERT_NE(root, stat_host(base).st_ino);
    for (const bool plus : {false, true}) {
        const auto found = all(FUSE_ROOT_ID, 4096, plus);
        EXPECT_EQ(found.at(".").fixed.ino, root);
        EXPECT_EQ(found.at("..").fixed.ino, root);
        EXPECT_TRUE(!plus || found.at("..").entry.attr.ino == root);
    }
    const uint64_t folder = make_folder("d").as<fuse_entry_out>().nodeid;
    EXPECT_EQ(all(folder, 4096, false).at("..").fixed.ino, root);
}

TEST_F(ListTest, BeganAnew) {
    for (const char* name : {"a", "b"}) write_host(shared / name, "");
    const uint64_t handle = folder_handle_of(FUSE_ROOT_ID);
    uint64_t next = 0;
    EXPECT_EQ(parse(list(FUSE_ROOT_ID, handle, 0, 4096, false), false, next).size(), 4U);
    write_host(shared / "c", "");
    EXPECT_EQ(parse(list(FUSE_ROOT_ID, handle, 0, 4096, false), false, next).size(), 5U);
    EXPECT_EQ(parse(list(FUSE_ROOT_ID, handle, next, 4096, false), false, next).size(), 0U);
}

TEST_F(ListTest, TooLittleRoom) {
    const uint64_t handle = folder_handle_of(FUSE_ROOT_ID);
    EXPECT_EQ(list(FUSE_ROOT_ID, handle, 0, 8, false).error, EINVAL);
    EXPECT_EQ(list(FUSE_ROOT_ID, handle, 0, 4096, false, sizeof(fuse_out_header) + 8).error, EINVAL);
    EXPECT_EQ(list(FUSE_ROOT_ID, handle, 0, 100, true).error, EINVAL);
    uint64_t next = 0;
    EXPECT_EQ(parse(list(FUSE_ROOT_ID, handle, 0, 32, false), false, next).size(), 1U);
    EXPECT_EQ(parse(list(FUSE_ROOT_ID, handle, next, 32, false), false, next).size(), 1U);
}

TEST_F(ListTest, WhatIsNoFolder) {
    write_host(shared / "f", "");
    const uint64_t node = node_of("f"), file = handle_of(node), folder = folder_handle_of(FUSE_ROOT_ID);
    EXPECT_EQ(ask(FUSE_OPENDIR, node, Body{}.add(fuse_open_in{O_RDONLY, 0})).error, ENOTDIR);
    EXPECT_EQ(list(FUSE_ROOT_ID, file, 0, 4096, false).error, EBADF);
    EXPECT_EQ(list(FUSE_ROOT_ID, 99, 0, 4096, true).error, EBADF);
    EXPECT_EQ(list(99, folder, 0, 4096, false).error, EBADF);
    EXPECT_EQ(read(folder, 0, 10).error, EBADF);
    EXPECT_EQ(write(folder, 0, "x").error, EBADF);
    EXPECT_EQ(ask(FUSE_RELEASE, FUSE_ROOT_ID, Body{}.add(fuse_release_in{folder, 0, 0, 0})).error, EBADF);
    EXPECT_EQ(ask(FUSE_RELEASEDIR, FUSE_ROOT_ID, Body{}.add(fuse_release_in{file, 0, 0, 0})).error, EBADF);
    EXPECT_EQ(ask(FUSE_FSYNCDIR, FUSE_ROOT_ID, Body{}.add(fuse_fsync_in{folder, 0, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_FSYNCDIR, FUSE_ROOT_ID, Body{}.add(fuse_fsync_in{folder, FUSE_FSYNC_FDATASYNC, 0})).error, 0);
    EXPECT_EQ(ask(FUSE_FSYNCDIR, FUSE_ROOT_ID, Body{}.add(fuse_fsync_in{file, 0, 0})).error, EBADF);
}

}  // namespace
}  // namespace eremite::test

// Operations of files one by one, and that each one's error is the program's.
#include <sys/stat.h>
#include <sys/xattr.h>

#include "fixture.hpp"

namespace eremite::test {

namespace {

std::span<const uint8_t> bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

}  // namespace

TEST_F(FuseFileSystem, ExtendedAttributes) {
    const auto file = create("f");
    fs::Inode& inode = *file->inode();
    ASSERT_TRUE(inode.set_extended_attribute("user.a", bytes_of("value"), 0).ok());
    EXPECT_EQ(server.tree.find("f")->attributes["user.a"], "value");
    EXPECT_EQ(fault(inode.set_extended_attribute("user.a", bytes_of("x"), XATTR_CREATE)), EEXIST);
    EXPECT_EQ(fault(inode.set_extended_attribute("user.b", bytes_of("x"), XATTR_REPLACE)), ENODATA);
    ASSERT_TRUE(inode.set_extended_attribute("user.empty", {}, 0).ok());
    std::array<uint8_t, 100> value{};
    EXPECT_EQ(inode.extended_attribute("user.a", {}).value(), 5U);
    EXPECT_EQ(inode.extended_attribute("user.a", value).value(), 5U);
    EXPECT_EQ(std::memcmp(value.data(), "value", 5), 0);
    EXPECT_EQ(inode.extended_attribute("user.a", std::span{value}.first(4)).code(), ERANGE);
    EXPECT_EQ(inode.extended_attribute("user.empty", value).value(), 0U);
    EXPECT_EQ(inode.extended_attribute("user.absent", value).code(), ENODATA);
    std::array<char, 100> names{};
    EXPECT_EQ(inode.list_extended_attributes({}).value(), sizeof "user.a" + sizeof "user.empty");
    EXPECT_EQ(inode.list_extended_attributes(names).value(), sizeof "user.a" + sizeof "user.empty");
    EXPECT_EQ((std::string{names.data(), 18}), std::string("user.a\0user.empty\0", 18));
    EXPECT_EQ(inode.list_extended_attributes(std::span{names}.first(10)).code(), ERANGE);
    ASSERT_TRUE(inode.remove_extended_attribute("user.a").ok());
    EXPECT_EQ(fault(inode.remove_extended_attribute("user.a")), ENODATA);
    // The longest that there are.
    const std::string large = pattern(65536);
    ASSERT_TRUE(inode.set_extended_attribute("user.large", bytes_of(large), 0).ok());
    std::string back(65536, '\0');
    EXPECT_EQ(inode.extended_attribute("user.large", {reinterpret_cast<uint8_t*>(back.data()), back.size()}).value(), 65536U);
    EXPECT_TRUE(back == large);
    // A server without any is asked once.
    server.errors[FUSE_GETXATTR] = server.errors[FUSE_SETXATTR] = ENOSYS;
    server.counts.clear();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(inode.extended_attribute("user.a", value).code(), EOPNOTSUPP);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fault(inode.set_extended_attribute("user.a", {}, 0)), EOPNOTSUPP);
    EXPECT_EQ(server.counts[FUSE_GETXATTR], 1);
    EXPECT_EQ(server.counts[FUSE_SETXATTR], 1);
}

TEST_F(FuseFileSystem, Allocation) {
    using fs::AllocateMode;
    const auto file = create("f");
    fs::Inode& inode = *file->inode();
    ASSERT_TRUE(inode.allocate(AllocateMode::Allocate, 0, 10'000, false).ok());
    EXPECT_EQ(file->attributes()->size, 10'000U);
    EXPECT_EQ(file->attributes()->blocks, 24U);
    ASSERT_TRUE(inode.allocate(AllocateMode::Allocate, 0, 20'000, true).ok());
    EXPECT_EQ(file->attributes()->size, 10'000U);
    EXPECT_EQ(put(*file, std::string(10'000, 'x')), 10'000);
    ASSERT_TRUE(inode.allocate(AllocateMode::PunchHole, 4096, 4096, true).ok());
    EXPECT_EQ(get_at(*file, 4095, 4098), "x" + std::string(4096, '\0') + "x");
    EXPECT_EQ(file->seek(0, SEEK_HOLE).value(), 4096U);
    EXPECT_EQ(fault(inode.allocate(AllocateMode::ZeroRange, 0, 10, true)), EOPNOTSUPP);
    EXPECT_EQ(fault(inode.allocate(AllocateMode::Allocate, 0, uint64_t{1} << 40, false)), ENOSPC);
    server.errors[FUSE_FALLOCATE] = ENOSYS;
    EXPECT_EQ(fault(inode.allocate(AllocateMode::Allocate, 0, 10, false)), EOPNOTSUPP);
    // Without the request, all of the file is data.
    server.errors[FUSE_LSEEK] = ENOSYS;
    EXPECT_EQ(file->seek(0, SEEK_HOLE).value(), 10'000U);
    EXPECT_EQ(file->seek(5, SEEK_DATA).value(), 5U);
    EXPECT_EQ(file->seek(10'000, SEEK_DATA).code(), ENXIO);
}

TEST_F(FuseFileSystem, CopyingIsDoneByTheServer) {
    const std::string text = pattern(100'000);
    const auto from = create("from"), to = create("to");
    EXPECT_EQ(put(*from, text), 100'000);
    server.counts.clear();
    EXPECT_EQ(from->inode()->copy_range(10, *to->inode(), 5, 50'000).value(), 50'000U);
    EXPECT_EQ(read_server("to"), std::string(5, '\0') + text.substr(10, 50'000));
    EXPECT_EQ(server.counts[FUSE_READ], 0);
    EXPECT_EQ(from->inode()->copy_range(0, *to->inode(), 0, uint64_t{1} << 33).value(), 100'000U) << "more than a reply could tell";
    EXPECT_EQ(from->inode()->copy_range(100'000, *to->inode(), 0, 10).value(), 0U);
    server.errors[FUSE_COPY_FILE_RANGE] = ENOSYS;
    EXPECT_EQ(from->inode()->copy_range(0, *to->inode(), 0, 10).code(), EOPNOTSUPP) << "then it is read and written";
}

TEST_F(FuseFileSystem, SynchronizingAndClosing) {
    const auto file = create("f");
    EXPECT_TRUE(file->flush().ok());
    EXPECT_EQ(server.counts[FUSE_FLUSH], 0) << "nothing was written";
    EXPECT_EQ(put(*file, "x"), 1);
    server.errors[FUSE_FLUSH] = EDQUOT;
    EXPECT_EQ(fault(file->flush()), EDQUOT);
    EXPECT_EQ(fault(file->flush()), 0) << "told once";
    EXPECT_TRUE(file->synchronize(true).ok());
    EXPECT_EQ(server.counts[FUSE_FSYNC], 1);
    server.errors[FUSE_FSYNC] = EIO;
    EXPECT_EQ(fault(file->synchronize(false)), EIO);
    server.errors[FUSE_FSYNC] = ENOSYS;
    EXPECT_EQ(fault(file->synchronize(false)), 0) << "a server that has nothing to wait for";
    EXPECT_EQ(fault(file->synchronize(false)), 0);
    EXPECT_EQ(server.counts[FUSE_FSYNC], 3);
    EXPECT_TRUE(open(mounted, O_RDONLY)->synchronize(false).ok());
    EXPECT_EQ(server.counts[FUSE_FSYNCDIR], 1);
    server.errors[FUSE_SYNCFS] = EIO;
    EXPECT_EQ(fault(file_system->synchronize()), EIO);
    server.errors[FUSE_SYNCFS] = ENOSYS;
    EXPECT_EQ(fault(file_system->synchronize()), 0);
}

TEST_F(FuseFileSystem, EveryRequestMayFail) {
    const auto file = create("f");
    EXPECT_EQ(put(*file, "x"), 1);
    const auto directory = open(mounted, O_RDONLY | O_DIRECTORY);
    fs::Inode& inode = *file->inode();
    std::array<uint8_t, 10> value;
    std::array<char, 10> names;
    Names sink;
    fs::AttributeChange change;
    change.permissions = 0600;
    ASSERT_TRUE(mounted->create_symbolic_link("link", "target").ok());
    auto link = fs::find(context(), root(), "/mnt/link", {.follow_last = false});
    ASSERT_TRUE(link.ok());
    const auto read = [&] {
        std::string text(10, '?');
        auto io = buffer_of(text);
        return file->read_at(0, io).code();
    };
    const std::vector<std::pair<fuse_opcode, std::function<int()>>> operations{
        {FUSE_LOOKUP, [&] { return mounted->lookup("f").code(); }},
        {FUSE_GETATTR, [&] { return inode.attributes().code(); }},
        {FUSE_SETATTR, [&] { return fault(inode.set_attributes(change)); }},
        {FUSE_SETATTR, [&] { return fault(inode.truncate(5)); }},
        {FUSE_READLINK, [&] { return (*link)->link_target().code(); }},
        {FUSE_SYMLINK, [&] { return fault(mounted->create_symbolic_link("s", "t")); }},
        {FUSE_MKNOD, [&] { return mounted->create("n", {.mode = S_IFIFO | 0600}).code(); }},
        {FUSE_MKDIR, [&] { return mounted->create_directory("d", 0755).code(); }},
        {FUSE_UNLINK, [&] { return fault(mounted->unlink("f")); }},
        {FUSE_RMDIR, [&] { return fault(mounted->remove_directory("f")); }},
        {FUSE_RENAME, [&] { return fault(mounted->rename("f", *mounted, "g", fs::RenameMode::Replace)); }},
        {FUSE_RENAME2, [&] { return fault(mounted->rename("f", *mounted, "g", fs::RenameMode::NoReplace)); }},
        {FUSE_LINK, [&] { return fault(mounted->link("l", inode)); }},
        {FUSE_OPEN, [&] { return inode.open(O_RDONLY).code(); }},
        {FUSE_OPENDIR, [&] { return mounted->open(O_RDONLY).code(); }},
        {FUSE_READ, read},
        {FUSE_WRITE, [&] { return -put(*file, "y"); }},
        {FUSE_STATFS, [&] { return file_system->status().code(); }},
        {FUSE_FSYNC, [&] { return fault(file->synchronize(false)); }},
        {FUSE_FSYNCDIR, [&] { return fault(directory->synchronize(false)); }},
        {FUSE_SETXATTR, [&] { return fault(inode.set_extended_attribute("user.a", bytes_of("x"), 0)); }},
        {FUSE_GETXATTR, [&] { return inode.extended_attribute("user.a", value).code(); }},
        {FUSE_LISTXATTR, [&] { return inode.list_extended_attributes(names).code(); }},
        {FUSE_REMOVEXATTR, [&] { return fault(inode.remove_extended_attribute("user.a")); }},
        {FUSE_READDIR, [&] { return fault(directory->list(sink)); }},
        {FUSE_CREATE, [&] { return mounted->create_open("new", 0644, O_RDWR).code(); }},
        {FUSE_FALLOCATE, [&] { return fault(inode.allocate(fs::AllocateMode::Allocate, 0, 1, false)); }},
        {FUSE_LSEEK, [&] { return inode.seek_data(0, true).code(); }},
        {FUSE_COPY_FILE_RANGE, [&] { return inode.copy_range(0, inode, 10, 1).code(); }},
    };
    for (const auto& [opcode, operation] : operations) {
        for (const int error : {EACCES, EDQUOT, ENOSPC, EROFS, EIO, EHWPOISON}) {
            server.errors = {{opcode, error}};
            EXPECT_EQ(operation(), error) << "opcode " << opcode;
        }
    }
    server.errors.clear();
    EXPECT_EQ(read_server("f"), "x") << "nothing has happened";
    EXPECT_EQ(server.tree.root()->entries.size(), 2U);
}

class FuseCachedFile : public FuseFileSystem {
protected:
    FuseCachedFile() : FuseFileSystem{true} {}
};

TEST_F(FuseCachedFile, WhatIsWrittenIsTheServersOnceItIsClosed) {
    const auto file = create("f");
    EXPECT_EQ(put(*file, "01234"), 5);
    EXPECT_EQ(put(*file, "56789"), 5);
    EXPECT_EQ(get_at(*file, 3, 4), "3456");
    EXPECT_EQ(read_server("f"), "");
    EXPECT_TRUE(file->flush().ok());
    EXPECT_EQ(read_server("f"), "0123456789");
    EXPECT_EQ(server.counts[FUSE_WRITE], 1);
    EXPECT_EQ(server.counts[FUSE_READ], 0);
    EXPECT_EQ(put_at(*file, 2, "ab"), 2);
    EXPECT_TRUE(file->synchronize(true).ok());
    EXPECT_EQ(read_server("f"), "01ab456789");
}

TEST_F(FuseCachedFile, WhatOthersWroteIsSeenWhenItIsOpened) {
    on_server("f", "before");
    const auto inode = find("/mnt/f");
    EXPECT_EQ(get_at(*open(inode, O_RDONLY), 0, 100), "before");
    EXPECT_EQ(get_at(*open(inode, O_RDONLY), 0, 100), "before");
    EXPECT_EQ(server.counts[FUSE_READ], 1);
    server.tree.write(*server.tree.find("f"), 0, "afterwards");
    EXPECT_EQ(get_at(*open(inode, O_RDONLY), 0, 100), "afterwards");
}

TEST_F(FuseCachedFile, ShortWritesAreFinished) {
    const std::string text = pattern(300'000);
    server.largest_write = 5000;
    const auto file = create("f");
    EXPECT_EQ(put(*file, text), 300'000);
    EXPECT_TRUE(file->flush().ok());
    EXPECT_TRUE(read_server("f") == text);
}

TEST_F(FuseCachedFile, AFullDiskIsToldOnceByEachOpenFile) {
    const auto file = create("f");
    const auto other = open(Ref<fs::Inode>::share(file->inode()), O_RDWR);
    EXPECT_EQ(put(*file, "0123456789"), 10);
    server.room = 4;
    EXPECT_EQ(fault(file->synchronize(false)), ENOSPC);
    EXPECT_EQ(fault(file->synchronize(false)), 0);
    EXPECT_EQ(fault(other->flush()), ENOSPC);
    server.room = 1000;
    EXPECT_EQ(fault(other->flush()), 0);
}

TEST_F(FuseCachedFile, AnOpenFileOutlivesItsName) {
    const auto file = create("f");
    const TreeFilePointer there = server.tree.find("f");
    EXPECT_EQ(put(*file, "0123456789"), 10);
    ASSERT_TRUE(mounted->unlink("f").ok());
    EXPECT_EQ(file->attributes()->size, 10U);
    ASSERT_TRUE(file->inode()->truncate(3).ok());
    EXPECT_EQ(put_at(*file, 5, "x"), 1);
    EXPECT_EQ(get_at(*file, 0, 100), std::string("012\0\0x", 6));
    EXPECT_TRUE(file->synchronize(false).ok());
    EXPECT_EQ(there->bytes.read(0, 100), std::string("012\0\0x", 6));
}

}  // namespace eremite::test

// How many files a guest can know and have open.
#include "fixture.hpp"
#include "vmm/fs/handles.hpp"
#include "vmm/fs/inodes.hpp"

namespace eremite::test {
namespace {

using vmm::UniqueFd;
using vmm::fs::Handle;
using vmm::fs::Handles;
using vmm::fs::Inodes;

TEST_F(ShareTest, NoMoreInodesThanThereMayBe) {
    for (const char* name : {"a", "b", "c"}) write_host(shared / name, "");
    const auto named = [this](const char* name) { return UniqueFd{::open((shared / name).c_str(), O_PATH)}; };
    Inodes inodes{UniqueFd{::open(shared.c_str(), O_PATH)}, 3, 64};
    const uint64_t a = inodes.tell(named("a")).value().inode.number;
    EXPECT_EQ(inodes.tell(named("b")).code(), 0);
    EXPECT_EQ(inodes.check_room().code(), ENFILE);
    EXPECT_EQ(inodes.tell(named("c")).code(), ENFILE);
    EXPECT_EQ(inodes.tell(named("a")).value().inode.number, a) << "which is known";
    EXPECT_EQ(inodes.tell(UniqueFd{::open(shared.c_str(), O_PATH)}).value().inode.number, uint64_t{FUSE_ROOT_ID});
    inodes.forget(a, 1);
    EXPECT_EQ(inodes.tell(named("c")).code(), ENFILE);
    inodes.forget(a, 1);
    const uint64_t c = inodes.tell(named("c")).value().inode.number;
    EXPECT_GT(c, a);
    EXPECT_EQ(inodes.find(a).code(), EBADF);
    EXPECT_EQ(inodes.find(c).value()->type, uint32_t{S_IFREG});
    inodes.forget_all();
    EXPECT_EQ(inodes.size(), 1U);
    EXPECT_EQ(inodes.find(FUSE_ROOT_ID).value()->type, uint32_t{S_IFDIR});
    EXPECT_GT(inodes.tell(named("c")).value().inode.number, c);
    EXPECT_EQ(inodes.tell(UniqueFd{}).code(), EBADF);
}

TEST_F(ShareTest, NoMoreHandlesThanThereMayBe) {
    Handles handles{2};
    const auto null = [] { return UniqueFd{::open("/dev/null", O_RDONLY)}; };
    const uint64_t first = handles.add(null(), Handle::Kind::File).value();
    const uint64_t second = handles.add(null(), Handle::Kind::Folder).value();
    EXPECT_NE(first, second);
    EXPECT_EQ(handles.check_room().code(), ENFILE);
    EXPECT_EQ(handles.add(null(), Handle::Kind::File).code(), ENFILE);
    EXPECT_EQ(handles.file(second).code(), EBADF);
    EXPECT_EQ(handles.close(first, Handle::Kind::Folder).code(), EBADF);
    EXPECT_EQ(handles.close(first, Handle::Kind::File).code(), 0);
    EXPECT_EQ(handles.file(first).code(), EBADF);
    EXPECT_GT(handles.add(null(), Handle::Kind::File).value(), second);
}

}  // namespace
}  // namespace eremite::test

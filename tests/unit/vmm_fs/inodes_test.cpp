// How many files a guest can know and have open.
#include "fixture.hpp"
#include "vmm/error.hpp"
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

// A machine that goes on from a snapshot knows the files by the numbers that they had, also those that are gone.
TEST_F(ShareTest, FilesOfASnapshotAreFoundAgain) {
    std::filesystem::create_directory(shared / "folder");
    write_host(shared / "folder/stays", "here");
    write_host(shared / "goes", "");
    write_host(shared / "changes", "");
    const uint64_t folder = node_of("folder"), stays = node_of("stays", folder), goes = node_of("goes"), changes = node_of("changes");
    vmm::StateWriter state;
    server->save(state);
    std::filesystem::remove(shared / "goes");
    std::filesystem::remove(shared / "changes");
    std::filesystem::create_directory(shared / "changes");
    serve(false, false);
    vmm::StateReader reader{state.bytes()};
    server->restore(reader);
    EXPECT_TRUE(reader.ended());
    EXPECT_EQ(known(), 5U);
    EXPECT_EQ(node_of("stays", folder), stays);
    for (const uint64_t number : {goes, changes}) {
        EXPECT_EQ(get_attributes(number).error, ESTALE);
        forget(number, 1);
    }
    EXPECT_EQ(known(), 3U);
}

// What stands in a snapshot's file is foreign: nothing is its own folder.
TEST_F(ShareTest, ImpossibleFilesOfASnapshotAreRefused) {
    for (const uint64_t folder : {7, 9}) {
        vmm::StateWriter state;
        state.begin("shared folder");
        state.add<uint8_t>(1);
        state.add<uint64_t>(8);
        state.add<uint64_t>(1);
        state.add<uint64_t>(7);
        state.add<uint32_t>(S_IFDIR);
        state.add<uint64_t>(1);
        state.add<uint64_t>(folder);
        state.add_text("name");
        state.add_text(".");
        serve(false, false);
        vmm::StateReader reader{state.bytes()};
        EXPECT_THROW(server->restore(reader), vmm::Error);
    }
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

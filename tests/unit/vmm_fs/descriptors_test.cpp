// A guest that knows more files than the process can have descriptors.
#include <sys/resource.h>

#include "fixture.hpp"
#include "vmm/fs/inodes.hpp"

namespace eremite::test {
namespace {

using vmm::fs::Inodes;

// With few descriptors for the whole process.
struct DescriptorsTest : ShareTest {
    static constexpr rlim_t most = 256;

    void SetUp() override {
        ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
        const rlimit lowered{most, before.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
        ShareTest::SetUp();
        server = std::make_unique<vmm::fs::Server>(shared, false, most);
        ASSERT_EQ(init().error, 0);
    }
    void TearDown() override {
        ShareTest::TearDown();
        ::setrlimit(RLIMIT_NOFILE, &before);
    }
    [[nodiscard]] size_t descriptors() const { return server->share().inodes.descriptors(); }
    // So many other files are looked up that what was looked up before has no descriptor any more.
    void use_others() {
        std::filesystem::create_directory(shared / "others");
        const uint64_t others = node_of("others");
        for (rlim_t i = 0; i < most; ++i) {
            const std::string name = "other" + std::to_string(i);
            write_host(shared / "others" / name, "");
            ASSERT_EQ(look_up(name, others).error, 0);
        }
    }
    // What the guest reads from a file that it knows.
    std::string content_of(uint64_t node) {
        const Answer opened = open(node, O_RDONLY);
        if (opened.error != 0) return "error " + std::to_string(opened.error);
        const uint64_t handle = opened.as<fuse_open_out>().fh;
        const std::string text = read(handle, 0, 4096, 8192).text();
        EXPECT_EQ(ask(FUSE_RELEASE, node, Body{}.add(fuse_release_in{.fh = handle, .flags = 0, .release_flags = 0, .lock_owner = 0})).error, 0);
        return text;
    }
    rlimit before{};
};

TEST_F(DescriptorsTest, ATreeOfMoreFilesThanDescriptors) {
    constexpr int folders = 12, files = 50;
    std::vector<std::pair<uint64_t, std::string>> all;
    for (int i = 0; i < folders; ++i) {
        const std::string folder = "folder" + std::to_string(i);
        std::filesystem::create_directories(shared / folder / "inner");
        const uint64_t inner = node_of("inner", node_of(folder));
        for (int k = 0; k < files; ++k) {
            const std::string name = "file" + std::to_string(k), text = folder + name;
            write_host(shared / folder / "inner" / name, text);
            all.emplace_back(node_of(name, inner), text);
        }
    }
    EXPECT_GT(known(), size_t{folders} * files);
    EXPECT_LE(descriptors(), most / 4);
    for (const auto& [node, text] : all) ASSERT_EQ(content_of(node), text);
    EXPECT_LE(descriptors(), most / 4);
    // Each still has the same number, and is forgotten with the folders that nobody knows any more.
    EXPECT_EQ(node_of("file0", node_of("inner", node_of("folder0"))), all[0].first);
    forget(all[0].first);
    for (const auto& [node, text] : all) forget(node);
    EXPECT_EQ(known(), 1U + 2 * folders);
}

TEST_F(DescriptorsTest, ListingWithLookUp) {
    for (int i = 0; i < 1000; ++i) write_host(shared / ("file" + std::to_string(i)), "");
    const uint64_t folder = folder_handle_of(FUSE_ROOT_ID);
    size_t entries = 0;
    for (uint64_t offset = 0;;) {
        const Answer answer = ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, Body{}.add(reading(folder, offset, 32 << 10)));
        ASSERT_EQ(answer.error, 0);
        if (answer.bytes.empty()) break;
        for (size_t at = 0; at < answer.bytes.size(); ++entries) {
            const auto entry = answer.as<fuse_direntplus>(at);
            offset = entry.dirent.off;
            at += FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + entry.dirent.namelen);
        }
    }
    EXPECT_EQ(entries, 1002U);
    EXPECT_LE(descriptors(), most / 2);
    EXPECT_EQ(look_up("file999").error, 0);
}

TEST_F(DescriptorsTest, FilesThatTheGuestRemovesOrMovesStayWhatTheyAre) {
    for (const char* name : {"removed", "moved", "replaced", "left", "right"}) write_host(shared / name, name);
    std::filesystem::create_directories(shared / "folder/inner");
    write_host(shared / "folder/inner/file", "inner file");
    const uint64_t removed = node_of("removed"), moved = node_of("moved"), replaced = node_of("replaced"), left = node_of("left"), right = node_of("right");
    const uint64_t folder = node_of("folder"), inner = node_of("inner", folder), file = node_of("file", inner);
    use_others();
    ASSERT_EQ(ask(FUSE_UNLINK, FUSE_ROOT_ID, Body{}.text("removed")).error, 0);
    ASSERT_EQ(ask(FUSE_RENAME, FUSE_ROOT_ID, Body{}.add(fuse_rename_in{folder}).text("moved").text("away")).error, 0);
    write_host(shared / "new", "new");
    ASSERT_EQ(ask(FUSE_RENAME, FUSE_ROOT_ID, Body{}.add(fuse_rename_in{FUSE_ROOT_ID}).text("new").text("replaced")).error, 0);
    ASSERT_EQ(ask(FUSE_RENAME2, FUSE_ROOT_ID, Body{}.add(fuse_rename2_in{FUSE_ROOT_ID, RENAME_EXCHANGE, 0}).text("left").text("right")).error, 0);
    ASSERT_EQ(ask(FUSE_RENAME, FUSE_ROOT_ID, Body{}.add(fuse_rename_in{FUSE_ROOT_ID}).text("folder").text("renamed")).error, 0);
    use_others();
    EXPECT_EQ(content_of(removed), "removed");
    EXPECT_EQ(content_of(moved), "moved");
    EXPECT_EQ(content_of(replaced), "replaced");
    EXPECT_EQ(content_of(left), "left");
    EXPECT_EQ(content_of(right), "right");
    EXPECT_EQ(content_of(file), "inner file");
    EXPECT_EQ(get_attributes(removed).as<fuse_attr_out>().attr.nlink, 0U);
    EXPECT_LE(descriptors(), most / 4);
}

TEST_F(DescriptorsTest, FilesThatTheHostTakesAwayAreStale) {
    for (const char* name : {"removed", "moved", "replaced"}) write_host(shared / name, name);
    std::filesystem::create_directory(shared / "folder");
    write_host(shared / "folder/file", "");
    const uint64_t removed = node_of("removed"), moved = node_of("moved"), replaced = node_of("replaced"), folder = node_of("folder"), file = node_of("file", folder);
    use_others();
    std::filesystem::remove(shared / "removed");
    std::filesystem::rename(shared / "moved", shared / "elsewhere");
    std::filesystem::remove(shared / "replaced");
    std::filesystem::create_symlink(outside / "secret", shared / "replaced");
    std::filesystem::remove_all(shared / "folder");
    std::filesystem::create_symlink(outside, shared / "folder");
    write_host(outside / "file", "secret");
    for (const uint64_t node : {removed, moved, replaced, folder, file}) EXPECT_EQ(get_attributes(node).error, ESTALE);
    EXPECT_EQ(look_up("file", folder).error, ESTALE);
    EXPECT_EQ(ask(FUSE_UNLINK, FUSE_ROOT_ID, Body{}.text("replaced")).error, 0);
    // Where it is now it is found, and is what it was.
    EXPECT_EQ(node_of("elsewhere"), moved);
    EXPECT_EQ(content_of(moved), "moved");
}

TEST_F(DescriptorsTest, OpenFilesAreBoundedAndOthersGoOn) {
    write_host(shared / "file", "");
    const uint64_t node = node_of("file");
    size_t opened = 0;
    while (open(node, O_RDONLY).error == 0 && opened < most) ++opened;
    EXPECT_EQ(opened, most / 4);
    use_others();
    EXPECT_EQ(look_up("file").error, 0);
}

TEST_F(DescriptorsTest, WhenOthersHaveTakenAllSomeAreGivenUp) {
    use_others();
    std::vector<vmm::UniqueFd> taken;
    for (vmm::UniqueFd one{::open("/dev/null", O_RDONLY)}; one; one = vmm::UniqueFd{::open("/dev/null", O_RDONLY)}) taken.push_back(std::move(one));
    EXPECT_EQ(look_up("other0", node_of("others")).error, 0);
    EXPECT_EQ(create("made").error, 0);
    EXPECT_LT(descriptors(), most / 4);
}

}  // namespace
}  // namespace eremite::test

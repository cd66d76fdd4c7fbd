// What is remembered of a server's names, for as long as it vouches for them.
#include <linux/fs.h>

#include "fixture.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::test {

class FuseNameCache : public FuseFileSystem {
protected:
    FuseNameCache() : FuseFileSystem{true} {}
    void SetUp() override {
        FuseFileSystem::SetUp();
        server.entry_valid = server.attributes_valid = 3600;
    }
    // How many requests of this kind it takes.
    template <typename Work>
    int requests(uint32_t opcode, Work&& work) {
        const int before = server.counts[opcode];
        work();
        return server.counts[opcode] - before;
    }
    template <typename Work>
    int lookups(Work&& work) {
        return requests(FUSE_LOOKUP, std::forward<Work>(work));
    }
    int error_of(const std::string& path) { return fs::find(context(), root(), path).code(); }
};

TEST_F(FuseNameCache, ANameIsAskedForOnce) {
    on_server("f", "text");
    const fs::Inode* const first = find("/mnt/f").get();
    EXPECT_EQ(lookups([&] { EXPECT_EQ(find("/mnt/f").get(), first); }), 0) << "kept, though nobody used it";
    EXPECT_EQ(requests(FUSE_GETATTR, [&] { EXPECT_EQ(find("/mnt/f")->attributes()->size, 4U); }), 0);
    EXPECT_EQ(error_of("/mnt/g"), ENOENT);
    EXPECT_EQ(lookups([&] { EXPECT_EQ(error_of("/mnt/g"), ENOENT); }), 1) << "names that are not there are asked for";
}

TEST_F(FuseNameCache, AFileThatWasCreatedIsKnown) {
    create("f");
    const int asked = requests(FUSE_GETATTR, [&] { EXPECT_EQ(lookups([&] { EXPECT_EQ(find("/mnt/f")->attributes()->size, 0U); }), 0); });
    EXPECT_EQ(asked, 0);
    ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
    ASSERT_TRUE(mounted->create_symbolic_link("s", "f").ok());
    EXPECT_EQ(lookups([&] { EXPECT_EQ(find("/mnt/s").get(), find("/mnt/d/../f").get()); }), 0);
}

TEST_F(FuseNameCache, PagesStayWhenAFileIsClosed) {
    on_server("f", "text");
    EXPECT_EQ(text_of("/mnt/f"), "text");
    EXPECT_EQ(requests(FUSE_READ, [&] { EXPECT_EQ(text_of("/mnt/f"), "text"); }), 0);
    EXPECT_EQ(server.open_files(), 0U);
}

TEST_F(FuseNameCache, WhatIsRemovedHereIsGoneAtOnce) {
    on_server("f");
    const auto held = find("/mnt/f");
    ASSERT_TRUE(mounted->unlink("f").ok());
    EXPECT_EQ(error_of("/mnt/f"), ENOENT);
    EXPECT_TRUE(held->unlinked());
    on_server("f", "another");
    EXPECT_NE(find("/mnt/f").get(), held.get());
    ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
    ASSERT_TRUE(mounted->remove_directory("d").ok());
    EXPECT_EQ(error_of("/mnt/d"), ENOENT);
}

TEST_F(FuseNameCache, RenamesAreFollowed) {
    on_server("a", "a");
    on_server("b", "b");
    ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
    const auto a = find("/mnt/a"), b = find("/mnt/b");
    ASSERT_TRUE(mounted->rename("a", *find("/mnt/d"), "c", fs::RenameMode::Replace).ok());
    EXPECT_EQ(lookups([&] { EXPECT_EQ(find("/mnt/d/c").get(), a.get()); }), 0);
    EXPECT_EQ(error_of("/mnt/a"), ENOENT);
    // Onto a name that is known.
    ASSERT_TRUE(mounted->rename("b", *find("/mnt/d"), "c", fs::RenameMode::Replace).ok());
    EXPECT_EQ(find("/mnt/d/c").get(), b.get());
    EXPECT_TRUE(a->unlinked());
    on_server("e", "e");
    const auto e = find("/mnt/e");
    ASSERT_TRUE(mounted->rename("e", *find("/mnt/d"), "c", fs::RenameMode::Exchange).ok());
    EXPECT_EQ(lookups([&] {
                  EXPECT_EQ(find("/mnt/e").get(), b.get());
                  EXPECT_EQ(find("/mnt/d/c").get(), e.get());
              }), 0);
}

TEST_F(FuseNameCache, ARefusalMakesNamesDoubtful) {
    on_server("f", "first");
    const auto first = find("/mnt/f");
    server.tree.unlink(*server.tree.root(), "f");
    EXPECT_EQ(find("/mnt/f").get(), first.get()) << "the server has vouched for it";
    EXPECT_EQ(mounted->unlink("f").code(), ENOENT);
    on_server("f", "second");
    EXPECT_NE(find("/mnt/f").get(), first.get());
    server.tree.unlink(*server.tree.root(), "f");
    EXPECT_EQ(mounted->rename("f", *mounted, "g", fs::RenameMode::Replace).code(), ENOENT);
    EXPECT_EQ(error_of("/mnt/f"), ENOENT);
}

TEST_F(FuseNameCache, NamesThatNobodyVouchesForAreAskedForEachTime) {
    server.entry_valid = 0;
    on_server("f", "first");
    const auto first = find("/mnt/f");
    server.tree.unlink(*server.tree.root(), "f");
    on_server("f", "second");
    const auto second = find("/mnt/f");
    EXPECT_NE(second.get(), first.get());
    EXPECT_EQ(text_of("/mnt/f"), "second");
    // The first one had this name, too; it is not found by it when the second has lost it.
    ASSERT_TRUE(mounted->unlink("f").ok());
    EXPECT_EQ(error_of("/mnt/f"), ENOENT);
    EXPECT_TRUE(second->unlinked());
}

TEST_F(FuseNameCache, AFileWithTwoNames) {
    on_server("a", "x");
    server.tree.link(*server.tree.root(), "b", server.tree.find("a"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(find("/mnt/a").get(), find("/mnt/b").get());
    ASSERT_TRUE(mounted->unlink("a").ok());
    EXPECT_EQ(error_of("/mnt/a"), ENOENT);
    EXPECT_EQ(text_of("/mnt/b"), "x");
    ASSERT_TRUE(mounted->unlink("b").ok());
    EXPECT_EQ(error_of("/mnt/b"), ENOENT);
}

TEST_F(FuseNameCache, ADirectoryThatWasReplacedTakesItsNamesAlong) {
    const TreeFilePointer folder = server.tree.create(server.tree.root(), "d", S_IFDIR | 0755);
    server.tree.create(folder, "f", S_IFREG | 0644);
    const auto f = find("/mnt/d/f");
    ASSERT_TRUE(mounted->rename("d", *mounted, "e", fs::RenameMode::Replace).ok());
    ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
    EXPECT_EQ(error_of("/mnt/d/f"), ENOENT);
    EXPECT_EQ(lookups([&] { EXPECT_EQ(find("/mnt/e/f").get(), f.get()); }), 0);
}

TEST_F(FuseNameCache, SoManyAreKeptAndNotMore) {
    // What was free when the file system started is less than all.
    const size_t most = mm::page_allocator().total_pages() / 2;
    for (size_t i = 0; i < most + 200; ++i) {
        const std::string name = std::to_string(i);
        on_server(name);
        find("/mnt/" + name);
        // Used all the time.
        find("/mnt/0");
    }
    EXPECT_LE(server.known_files(), most);
    EXPECT_GE(server.known_files(), 100U);
    EXPECT_EQ(lookups([&] { find("/mnt/0"); }), 0);
    EXPECT_EQ(lookups([&] { find("/mnt/1"); }), 1) << "had to go";
}

TEST_F(FuseFileSystem, WithoutACacheNothingIsKept) {
    server.entry_valid = 3600;
    on_server("f");
    find("/mnt/f");
    EXPECT_EQ(server.known_files(), 0U);
}

}  // namespace eremite::test

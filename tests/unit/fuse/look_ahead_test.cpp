// Names that are looked up before they are asked for.
#include "fixture.hpp"

namespace eremite::test {

class FuseLookAhead : public FuseFileSystem {
protected:
    FuseLookAhead() : FuseFileSystem{true} {}
    void SetUp() override {
        server.terms.flags |= FUSE_DO_READDIRPLUS;
        server.entry_valid = server.attributes_valid = 3600;
        FuseFileSystem::SetUp();
        for (int i = 0; i < files; ++i) on_server(name(i), "text");
    }
    static std::string name(int i) {
        return {'f', static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
    }
    void look_at(int first, int last) {
        for (int i = first; i < last; ++i) EXPECT_EQ(find("/mnt/" + name(i))->attributes()->size, 4U) << i;
    }
    static constexpr int files = 40;
};

TEST_F(FuseLookAhead, ADirectoryIsGoneThroughWithFewRequests) {
    const int asked = server.counts[FUSE_GETATTR];
    look_at(0, 8);
    const auto held = find("/mnt/f00");
    EXPECT_EQ(server.counts[FUSE_LOOKUP], 8);
    EXPECT_EQ(server.counts[FUSE_READDIRPLUS], 0) << "few names are no reason";
    // A page holds 23 of these names.
    look_at(8, files);
    EXPECT_EQ(server.counts[FUSE_LOOKUP], 16);
    EXPECT_EQ(server.counts[FUSE_READDIRPLUS], 2);
    EXPECT_EQ(server.counts[FUSE_GETATTR], asked);
    EXPECT_EQ(find("/mnt/f00").get(), held.get());
    // That each is forgotten as often as it was looked up is seen at the end.
    EXPECT_EQ(server.known_files(), static_cast<size_t>(files));
}

TEST_F(FuseLookAhead, WhatWasFoundIsSubjectToChangesHere) {
    look_at(0, 10);
    ASSERT_TRUE(mounted->unlink("f20").ok());
    EXPECT_EQ(fs::find(context(), root(), "/mnt/f20").code(), ENOENT);
    ASSERT_TRUE(mounted->rename("f21", *mounted, "f22", fs::RenameMode::Replace).ok());
    EXPECT_EQ(fs::find(context(), root(), "/mnt/f21").code(), ENOENT);
    EXPECT_EQ(text_of("/mnt/f22"), "text");
    EXPECT_TRUE(find("/mnt/f19")->set_attributes({.permissions = 0600}).ok());
    EXPECT_EQ(find("/mnt/f19")->attributes()->mode & 0777, 0600U);
}

TEST_F(FuseLookAhead, NotWhereNobodyVouchesForNames) {
    server.entry_valid = 0;
    look_at(0, files);
    EXPECT_EQ(server.counts[FUSE_LOOKUP], files);
    EXPECT_EQ(server.counts[FUSE_READDIRPLUS], 0);
}

TEST_F(FuseLookAhead, ItsFailuresConcernNobody) {
    server.errors[FUSE_READDIRPLUS] = EACCES;
    look_at(0, files);
    EXPECT_EQ(server.counts[FUSE_LOOKUP], files);
    server.errors.clear();
    server.errors[FUSE_OPENDIR] = EACCES;
    for (int i = 0; i < 20; ++i) on_server("g" + name(i), "text");
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(find("/mnt/g" + name(i)));
}

TEST_F(FuseLookAhead, ADamagedListIsNotBelieved) {
    honest = false;
    server.tamper = [](const fuse_in_header& request, Bytes& reply) {
        if (request.opcode != FUSE_READDIRPLUS) return;
        // The second entry's name ends nowhere.
        fuse_direntplus entry;
        const size_t second = sizeof(fuse_out_header) + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + 1);
        std::memcpy(&entry, reply.data() + second, sizeof entry);
        entry.dirent.namelen = 100000;
        std::memcpy(reply.data() + second, &entry, sizeof entry);
    };
    look_at(0, files);
    EXPECT_EQ(server.counts[FUSE_LOOKUP], files);
    EXPECT_GT(server.counts[FUSE_READDIRPLUS], 0);
}

}  // namespace eremite::test

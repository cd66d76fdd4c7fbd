#pragma once
// A tree of files, served within the test and mounted at /mnt.
#include <memory>

#include "libos/fs/fuse/file_system.hpp"
#include "tests/unit/remote/fixture.hpp"
#include "tests/unit/remote/transports.hpp"
#include "tree_server.hpp"

namespace eremite::test {

class FuseFileSystem : public RemoteFileTest {
protected:
    // Without a cache, so that every operation is the server's.
    explicit FuseFileSystem(bool is_cached = false) : cached{is_cached} {}
    void SetUp() override {
        FileTest::SetUp();
        file_system = std::make_unique<fs::fuse::FileSystem>(transport);
        file_system->set_cached(cached);
        auto root = file_system->start();
        ASSERT_TRUE(root.ok());
        ASSERT_TRUE(fs::mount(context(), "/mnt", root.value(), {.create_point = true}, "virtiofs", "test").ok());
        mounted = std::move(root.value());
    }
    void TearDown() override {
        server.tamper = nullptr;
        server.errors.clear();
        transport.broken = false;
        context().set_working_directory(root());
        files().close_range(0, ~0U);
        EXPECT_TRUE(file_system->synchronize().ok());
        EXPECT_TRUE(fs::unmount(mounted).ok());
        mounted = nullptr;
        if (honest) {
            EXPECT_EQ(server.open_files(), 0U);
            EXPECT_EQ(server.known_files(), 0U) << "each was forgotten as often as it was looked up";
            EXPECT_EQ(server.violations(), std::vector<std::string>{});
        }
        file_system.reset();
        FileTest::TearDown();
    }
    // A file as somebody else made it.
    TreeFile& on_server(const std::string& name, const std::string& text = "", uint32_t mode = S_IFREG | 0644) {
        const TreeFilePointer made = server.tree.create(server.tree.root(), name, mode);
        if (!text.empty()) server.tree.write(*made, 0, text);
        return *made;
    }
    [[nodiscard]] std::string read_server(const std::string& path) const {
        const TreeFilePointer file = server.tree.find(path);
        return file ? file->bytes.read(0, UINT32_MAX) : "absent";
    }

    const bool cached;
    bool honest = true;  // the server has told the numbers of files and handles as they are
    TreeServer server;
    InlineTransport transport{[this](const Bytes& request) { return server.answer(request); }};
    std::unique_ptr<fs::fuse::FileSystem> file_system;
};

}  // namespace eremite::test

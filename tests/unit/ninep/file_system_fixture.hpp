#pragma once
// A folder of the host, served within the test and mounted at /mnt.
#include <fstream>
#include <memory>
#include <sstream>

#include "folder_server.hpp"
#include "libos/fs/ninep/file_system.hpp"
#include "temporary_folder.hpp"
#include "tests/unit/remote/fixture.hpp"
#include "tests/unit/remote/transports.hpp"

namespace eremite::test {

namespace filesystem = std::filesystem;

class NinepFileSystem : public RemoteFileTest {
protected:
    // Without a cache, so that every operation is the server's.
    explicit NinepFileSystem(const std::string& where = "/tmp", bool is_cached = false) : folder{where}, cached{is_cached} {}
    void SetUp() override {
        FileTest::SetUp();
        file_system = std::make_unique<fs::ninep::FileSystem>(transport);
        file_system->set_cached(cached);
        auto root = file_system->start();
        ASSERT_TRUE(root.ok());
        ASSERT_TRUE(fs::mount(context(), "/mnt", root.value(), {.create_point = true}, "9p", "test").ok());
        mounted = std::move(root.value());
    }
    void TearDown() override {
        context().set_working_directory(root());
        files().close_range(0, ~0U);
        EXPECT_TRUE(file_system->synchronize().ok());
        EXPECT_TRUE(fs::unmount(mounted).ok());
        mounted = nullptr;
        EXPECT_EQ(server.fids(), 1U) << "nothing but the root is left";
        file_system.reset();
        FileTest::TearDown();
    }
    [[nodiscard]] std::string host(const std::string& name) const { return folder.path() + "/" + name; }
    void write_host(const std::string& name, const std::string& text) const { std::ofstream{host(name)} << text; }
    [[nodiscard]] std::string read_host(const std::string& name) const {
        std::ostringstream text;
        text << std::ifstream{host(name)}.rdbuf();
        return text.str();
    }

    TemporaryFolder folder;
    const bool cached;
    FolderServer server{folder.path()};
    InlineTransport transport{[this](const Bytes& request) { return server.answer(request); }};
    std::unique_ptr<fs::ninep::FileSystem> file_system;
};

}  // namespace eremite::test

#pragma once
// A folder of the host, served within the test and mounted at /mnt.
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "folder_server.hpp"
#include "libos/fs/file.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/ninep/file_system.hpp"
#include "temporary_folder.hpp"
#include "tests/unit/fs/fixture.hpp"
#include "transports.hpp"

namespace eremite::test {

namespace filesystem = std::filesystem;

class Names final : public fs::DirectorySink {
public:
    explicit Names(size_t room = SIZE_MAX) : room_{room} {}
    bool add(std::string_view name, uint64_t inode, fs::FileType type, uint64_t) override {
        if (names.size() == room_) return false;
        names.insert(std::string{name});
        inodes[std::string{name}] = inode;
        types[std::string{name}] = type;
        return true;
    }
    std::multiset<std::string> names;
    std::map<std::string, uint64_t> inodes;
    std::map<std::string, fs::FileType> types;

private:
    size_t room_;
};

class NinepFileSystem : public FileTest {
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
    static Ref<fs::File> open(const Ref<fs::Inode>& inode, uint32_t flags) {
        auto file = inode->open(flags);
        EXPECT_EQ(file.code(), 0);
        return file.ok() ? std::move(*file) : nullptr;
    }
    Ref<fs::File> create(std::string_view name, uint32_t flags = O_RDWR) {
        auto file = mounted->create_open(name, 0644, flags);
        EXPECT_EQ(file.code(), 0);
        return file.ok() ? std::move(*file) : nullptr;
    }
    static fs::IoBuffer buffer_of(std::string_view text) {
        return fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    }
    static int put(fs::File& file, std::string_view text) {
        auto io = buffer_of(text);
        const auto written = file.write(io);
        return written.ok() ? static_cast<int>(written.value()) : -written.code();
    }
    static int put_at(fs::File& file, uint64_t offset, std::string_view text) {
        auto io = buffer_of(text);
        const auto written = file.write_at(offset, io);
        return written.ok() ? static_cast<int>(written.value()) : -written.code();
    }
    static std::string get_at(fs::File& file, uint64_t offset, size_t size) {
        std::string text(size, '?');
        auto io = buffer_of(text);
        const auto got = file.read_at(offset, io);
        EXPECT_EQ(got.code(), 0);
        text.resize(got.ok() ? got.value() : 0);
        return text;
    }
    static int fault(Result<void> result) { return result.code(); }

    TemporaryFolder folder;
    const bool cached;
    FolderServer server{folder.path()};
    InlineTransport transport{[this](const Bytes& request) { return server.answer(request); }};
    std::unique_ptr<fs::ninep::FileSystem> file_system;
    Ref<fs::Inode> mounted;
};

}  // namespace eremite::test

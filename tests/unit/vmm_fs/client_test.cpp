// Our own client of FUSE against the monitor's server: programs see in a shared folder what they see on Linux.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "libos/fs/fuse/file_system.hpp"
#include "tests/unit/fs/conformance.hpp"
#include "tests/unit/remote/fixture.hpp"
#include "vmm/fs/server.hpp"

namespace eremite::test {
namespace {

// Hands messages over as the device does: the server works on the client's memory.
class ServerTransport final : public fs::remote::Transport {
public:
    explicit ServerTransport(vmm::fs::Server& server) : server_{server} {}
    [[nodiscard]] Limits limits() const override { return {32, 19}; }
    Result<void> submit(Message& message) override {
        const auto pieces = [](std::span<const fs::remote::Segment> segments) {
            std::vector<iovec> all;
            for (const auto& segment : segments) all.push_back({segment.data(), segment.size()});
            return all;
        };
        message.done(message, server_.serve(pieces(message.request), pieces(message.reply)), 0);
        return {};
    }

private:
    vmm::fs::Server& server_;
};

class SharedFolder : public RemoteFileTest, public testing::WithParamInterface<bool> {
protected:
    void SetUp() override {
        if (::access("/dev/shm", W_OK) != 0 || ::geteuid() != 0) GTEST_SKIP() << "needs root and a tmpfs at /dev/shm";
        FileTest::SetUp();
        std::string path = "/dev/shm/eremite-share-XXXXXX";
        ASSERT_NE(::mkdtemp(path.data()), nullptr);
        folder = path;
        server = std::make_unique<vmm::fs::Server>(folder, false);
        transport.emplace(*server);
        file_system = std::make_unique<fs::fuse::FileSystem>(*transport);
        file_system->set_cached(GetParam());
        auto root = file_system->start();
        ASSERT_EQ(root.code(), 0);
        ASSERT_TRUE(fs::mount(context(), "/mnt", root.value(), {.create_point = true}, "virtiofs", "test").ok());
        mounted = std::move(root.value());
    }
    void TearDown() override {
        if (!file_system) return;
        context().set_working_directory(root());
        files().close_range(0, ~0U);
        EXPECT_TRUE(file_system->synchronize().ok());
        EXPECT_TRUE(fs::unmount(mounted).ok());
        mounted = nullptr;
        EXPECT_EQ(server->share().inodes.size(), 1U) << "each was forgotten as often as it was told";
        EXPECT_EQ(server->share().handles.size(), 0U);
        file_system.reset();
        FileTest::TearDown();
        std::filesystem::remove_all(folder);
    }

    std::filesystem::path folder;
    std::unique_ptr<vmm::fs::Server> server;
    std::optional<ServerTransport> transport;
    std::unique_ptr<fs::fuse::FileSystem> file_system;
};
INSTANTIATE_TEST_SUITE_P(Caches, SharedFolder, testing::Bool(), [](const auto& info) { return info.param ? "Cached" : "Uncached"; });

TEST_P(SharedFolder, SameResultsAsLinux) {
    const std::vector<std::string> expected = checked_by_linux({.unnamed = true});
    const std::vector<std::string> actual = checked_by_us("/mnt/checks", {.unnamed = true});
    ASSERT_GT(expected.size(), 800U);
    EXPECT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
        // The address space of the test has no areas to be listed, and this is not a tmpfs.
        if (expected[i].find("read(3, buffer, sizeof buffer) > 0") != std::string::npos || expected[i] == "system.f_type 16914836 0") continue;
        EXPECT_EQ(actual[i], expected[i]) << "line " << i + 1;
    }
}

TEST_P(SharedFolder, HoldsWhatWasWritten) {
    const std::string text = pattern(3'000'000);
    {
        const Ref<fs::File> file = create("f");
        ASSERT_TRUE(file);
        EXPECT_EQ(put(*file, text), static_cast<int>(text.size()));
        EXPECT_TRUE(file->synchronize(false).ok());
        EXPECT_EQ(get_at(*file, 0, text.size()), text);
    }
    std::ifstream stored{folder / "f", std::ios::binary};
    EXPECT_EQ((std::string{std::istreambuf_iterator<char>{stored}, {}}), text);
}

}  // namespace
}  // namespace eremite::test

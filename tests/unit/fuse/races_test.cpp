// Threads that work on the same names, while the server answers in whatever order it likes. In the end it knows no file any more.
#include <random>
#include <thread>

#include "fixture.hpp"

namespace eremite::test {

namespace {

constexpr int name_count = 4;

class Worker {
public:
    Worker(fs::Inode& root, unsigned seed) : root_{root}, random_{seed} {}
    void run(int rounds) {
        while (rounds-- > 0) step();
    }

private:
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    std::string name() { return std::string{"name "} + static_cast<char>('a' + below(name_count)); }
    void step() {
        switch (below(8)) {
            case 0: keep(root_.create_open(name(), 0644, O_RDWR)); break;
            case 1: note(root_.unlink(name()).code(), {0, ENOENT, EISDIR}); break;
            case 2: note(root_.rename(name(), root_, name(), fs::RenameMode::Replace).code(), {0, ENOENT, EISDIR, ENOTDIR, ENOTEMPTY}); break;
            case 3: note(root_.create_directory(name(), 0755).code(), {0, EEXIST}); break;
            case 4: note(root_.remove_directory(name()).code(), {0, ENOENT, ENOTDIR}); break;
            case 5:
                // The name may have gone since it was looked up, but not the file.
                if (auto found = root_.lookup(name()); found.ok()) note((*found)->attributes().code(), {0});
                else note(found.code(), {ENOENT});
                break;
            case 6:
                if (auto found = root_.lookup(name()); found.ok() && !(*found)->is_directory()) keep((*found)->open(O_RDWR));
                break;
            default: use(); break;
        }
    }
    void keep(Result<Ref<fs::File>> file) {
        if (file.ok()) file_ = std::move(*file);
        else note(file.code(), {EEXIST});
    }
    void use() {
        if (!file_) return;
        std::array<uint8_t, 100> bytes{};
        auto out = fs::IoBuffer::kernel(bytes);
        note(file_->write_at(below(1000), out).code(), {0});
        auto in = fs::IoBuffer::kernel(bytes);
        note(file_->read_at(below(1000), in).code(), {0});
        if (below(4) == 0) file_ = nullptr;
    }
    static void note(int code, std::initializer_list<int> possible) {
        EXPECT_NE(std::find(possible.begin(), possible.end(), code), possible.end()) << code;
    }

    fs::Inode& root_;
    std::mt19937 random_;
    Ref<fs::File> file_;
};

class FuseRaces : public RemoteFileTest, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Caches, FuseRaces, testing::Bool(), [](const auto& info) { return info.param ? "Cached" : "Uncached"; });

}  // namespace

TEST_P(FuseRaces, WhatIsLookedUpIsForgotten) {
    constexpr int thread_count = 4, rounds = 150;
    TreeServer server;
    server.entry_valid = server.attributes_valid = GetParam() ? 1 : 0;
    ThreadedTransport transport{[&](const Bytes& request) { return server.answer(request); }, {8, 19}};
    {
        fs::fuse::FileSystem file_system{transport};
        file_system.set_cached(GetParam());
        auto root = file_system.start();
        ASSERT_TRUE(root.ok());
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < thread_count; ++i) threads.emplace_back([&, i] { Worker{**root, i}.run(rounds); });
        for (std::thread& thread : threads) thread.join();
        EXPECT_TRUE(file_system.synchronize().ok());
        file_system.unmounted();
        *root = nullptr;
        // Farewells are on their way.
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while ((server.known_files() > 0 || server.open_files() > 0) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        transport.drain();
    }
    EXPECT_EQ(server.open_files(), 0U);
    EXPECT_EQ(server.known_files(), 0U);
    EXPECT_EQ(server.violations(), std::vector<std::string>{});
}

}  // namespace eremite::test

#include "libos/fs/ninep/client.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <set>

#include "folder_server.hpp"
#include "libos/mm/page_allocator.hpp"
#include "temporary_folder.hpp"
#include "tests/unit/fs/machine.hpp"
#include "tests/unit/remote/transports.hpp"

using namespace eremite;
using namespace eremite::fs::ninep;
using namespace eremite::test;

namespace {

// Memory in the direct map.
class Pages {
public:
    explicit Pages(unsigned order) : order_{order}, start_{mm::page_allocator().allocate(order).value()} {}
    ~Pages() { mm::page_allocator().free(start_, order_); }
    [[nodiscard]] Segment segment(size_t offset, size_t size) const { return {direct_map(start_).as<uint8_t>() + offset, size}; }

private:
    unsigned order_;
    PhysicalAddress start_;
};

class NinepClient : public testing::Test {
protected:
    void SetUp() override { free_at_start_ = start_machine(); }
    void TearDown() override { EXPECT_EQ(mm::page_allocator().free_pages(), free_at_start_); }
    Answer to_server() {
        return [this](const Bytes& request) { return server.answer(request); };
    }
    TemporaryFolder folder;
    FolderServer server{folder.path()};

private:
    uint64_t free_at_start_ = 0;
};

// Replies to the version, and to everything else with `reply`.
Answer agreeing(Bytes reply) {
    return [reply](const Bytes& request) {
        Bytes answer = reply;
        if (request[4] == 100) {
            answer = request;
            answer[4] = 101;
        } else if (answer.size() >= 7) {
            answer[5] = request[5];
            answer[6] = request[6];
        }
        return answer;
    };
}

}  // namespace

TEST_F(NinepClient, FilesAreCreatedWrittenAndRead) {
    InlineTransport transport{to_server()};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    EXPECT_EQ(client.io_unit(), 65536U);
    const auto root = client.attach("");
    ASSERT_TRUE(root.ok());
    EXPECT_EQ(root.value().qid.type, Qid::directory);
    const Pages pages{4};
    {
        auto file = client.walk(*root.value().fid, "");
        ASSERT_TRUE(file.ok());
        ASSERT_TRUE(client.call(Create{file->fid->number(), "näme with space", O_RDWR | O_EXCL, 0640, 0}).ok());
        const Segment pieces[] = {pages.segment(0, 5), pages.segment(100, 6)};
        std::memcpy(pieces[0].data(), "hello", 5);
        std::memcpy(pieces[1].data(), " world", 6);
        EXPECT_EQ(client.write(*file->fid, 0, pieces).value(), 11U);
        const Segment back[] = {pages.segment(4096, 3), pages.segment(8192, 100)};
        EXPECT_EQ(client.read(*file->fid, 0, back).value(), 11U);
        EXPECT_EQ(std::memcmp(back[0].data(), "hel", 3), 0);
        EXPECT_EQ(std::memcmp(back[1].data(), "lo world", 8), 0);
        EXPECT_EQ(client.read(*file->fid, 11, back).value(), 0U) << "the end";
    }
    std::ifstream host{folder.path() + "/näme with space"};
    std::string line;
    std::getline(host, line);
    EXPECT_EQ(line, "hello world");
    EXPECT_EQ(server.fids(), 1U) << "the root; the other was clunked";
    EXPECT_EQ(client.walk(*root.value().fid, "absent").code(), ENOENT);
    EXPECT_EQ(client.walk(*root.value().fid, std::string(300, 'x')).code(), ENAMETOOLONG);
}

TEST_F(NinepClient, ExtendedAttributes) {
    std::ofstream{folder.path() + "/f"} << "x";
    if (::setxattr((folder.path() + "/f").c_str(), "user.probe", "1", 1, 0) != 0) GTEST_SKIP() << "no extended attributes in " << folder.path();
    InlineTransport transport{to_server()};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    const auto root = client.attach("");
    const auto file = client.walk(*root.value().fid, "f");
    const Pages pages{0};
    std::memcpy(pages.segment(0, 5).data(), "value", 5);
    ASSERT_TRUE(client.set_xattr(*file.value().fid, "user.a", pages.segment(0, 5), 0).ok());
    EXPECT_EQ(client.set_xattr(*file.value().fid, "user.a", pages.segment(0, 5), XATTR_CREATE).code(), EEXIST);
    EXPECT_EQ(client.get_xattr(*file.value().fid, "user.a", pages.segment(100, 3)).value(), 5U) << "cut off, but its size is told";
    EXPECT_EQ(std::memcmp(pages.segment(100, 3).data(), "val", 3), 0);
    EXPECT_EQ(client.get_xattr(*file.value().fid, "user.b", pages.segment(100, 3)).code(), ENODATA);
    EXPECT_EQ(client.get_xattr(*file.value().fid, "", {}).value(), sizeof "user.probe" + sizeof "user.a");
    EXPECT_TRUE(client.set_xattr(*file.value().fid, "user.a", {}, 0).ok());
    EXPECT_EQ(client.get_xattr(*file.value().fid, "user.a", {}).code(), ENODATA);
    EXPECT_EQ(server.fids(), 2U);
}

TEST_F(NinepClient, ServerHasToSpeakTheProtocol) {
    const auto start = [](auto change) {
        InlineTransport transport{[change](const Bytes& request) {
            Bytes reply = request;
            reply[4] = 101;
            change(reply);
            return reply;
        }};
        Client client{transport};
        return client.start(65536).code();
    };
    EXPECT_EQ(start([](Bytes&) {}), 0);
    EXPECT_EQ(start([](Bytes& r) { r[r.size() - 1] = 'u'; }), ENOTSUP) << "9P2000.u";
    EXPECT_EQ(start([](Bytes& r) { r[9] = 0xff; }), EIO) << "messages larger than asked for";
    EXPECT_EQ(start([](Bytes& r) { r[7] = 0, r[8] = 0x1f, r[9] = 0; }), ENOTSUP) << "messages too small";
    EXPECT_EQ(start([](Bytes& r) { r[7] = 0, r[8] = 0x20, r[9] = 0; }), 0);
    EXPECT_EQ(start([](Bytes& r) { r.clear(); }), EIO);
}

TEST_F(NinepClient, RepliesThatClaimTooMuchAreErrors) {
    const Pages pages{0};
    const Segment room = pages.segment(0, 16);
    const auto read = [&](Bytes reply) {
        InlineTransport transport{agreeing(std::move(reply))};
        Client client{transport};
        EXPECT_TRUE(client.start(65536).ok());
        auto fid = make_ref<Fid>(client, 0U);
        return client.read(**fid, 0, std::span{&room, 1});
    };
    EXPECT_EQ(read({15, 0, 0, 0, 117, 0, 0, 4, 0, 0, 0, 'a', 'b', 'c', 'd'}).value(), 4U);
    EXPECT_EQ(read({15, 0, 0, 0, 117, 0, 0, 5, 0, 0, 0, 'a', 'b', 'c', 'd'}).code(), EIO) << "more than was written";
    Bytes large(11 + 17);
    large[0] = 28, large[4] = 117, large[7] = 17;
    EXPECT_EQ(read(large).code(), EIO) << "more than there is room for";
    EXPECT_EQ(read({10, 0, 0, 0, 117, 0, 0, 4, 0, 0}).code(), EIO);
    EXPECT_EQ(read({11, 0, 0, 0, 7, 0, 0, 13, 0, 0, 0}).code(), EACCES);
    EXPECT_EQ(read({}).code(), EIO);
}

TEST_F(NinepClient, FidsAreGivenUpAndUsedAgain) {
    std::set<uint32_t> used;
    InlineTransport transport{[&](const Bytes& request) {
        if (request[4] == 110) used.insert(request[11]);
        return server.answer(request);
    }};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    const auto root = client.attach("");
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.walk(*root.value().fid, "").ok());
    for (int i = 0; i < 100; ++i) ASSERT_EQ(client.walk(*root.value().fid, "absent").code(), ENOENT);
    EXPECT_EQ(used.size(), 1U);
    EXPECT_EQ(server.counts[120], 100) << "what the server never knew is not clunked";
}

TEST_F(NinepClient, ManyThreadsHaveRequestsUnderWay) {
    constexpr int thread_count = 12, rounds = 20;
    for (int i = 0; i < thread_count; ++i) std::ofstream{folder.path() + "/" + std::to_string(i)} << "file " << i;
    ThreadedTransport transport{to_server(), {5, 18}};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    {
        const auto root = client.attach("");
        std::vector<std::thread> threads;
        std::atomic<int> wrong{0};
        for (int i = 0; i < thread_count; ++i) {
            threads.emplace_back([&, i] {
                const Pages pages{0};
                const std::string expected = "file " + std::to_string(i);
                const Segment room = pages.segment(0, 4096);
                for (int round = 0; round < rounds; ++round) {
                    auto file = client.walk(*root.value().fid, std::to_string(i));
                    if (!file.ok() || !client.call(Open{file->fid->number(), O_RDONLY}).ok()) {
                        ++wrong;
                        continue;
                    }
                    const auto size = client.read(*file->fid, 0, std::span{&room, 1});
                    if (!size.ok() || std::string(room.begin(), room.begin() + static_cast<long>(size.value())) != expected) ++wrong;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(wrong, 0);
    }
    // What was given up last is told to the server behind our back.
    for (int i = 0; i < 1000 && server.fids() > 0; ++i) std::this_thread::yield();
    EXPECT_GT(transport.most_under_way(), 1U);
    EXPECT_LE(transport.most_under_way(), 5U);
    while (server.fids() > 0) std::this_thread::yield();
    // The last one may be on its way back still.
    transport.drain();
    transport.break_down();
}

TEST_F(NinepClient, BrokenTransportEndsEveryRequest) {
    std::atomic<bool> stuck{false};
    std::mutex gate;
    std::condition_variable opened;
    ThreadedTransport transport{[&](const Bytes& request) {
        std::unique_lock guard{gate};
        opened.wait(guard, [&] { return !stuck; });
        return server.answer(request);
    }, {8, 18}, 1};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    {
        const auto root = client.attach("");
        stuck = true;
        std::vector<std::thread> threads;
        std::atomic<int> failures{0};
        for (int i = 0; i < 16; ++i) {
            threads.emplace_back([&] {
                // The server answers one at most; all others find the transport broken, those without a tag included.
                for (int k = 0; k < 3; ++k)
                    if (client.walk(*root.value().fid, "").code() == EIO) ++failures;
            });
        }
        while (transport.most_under_way() < 7) std::this_thread::yield();
        transport.break_down();
        {
            const std::lock_guard guard{gate};
            stuck = false;
        }
        opened.notify_all();
        for (std::thread& thread : threads) thread.join();
        EXPECT_GE(failures, 16 * 3 - 1);
    }
    EXPECT_EQ(client.attach("").code(), EIO);
}

TEST_F(NinepClient, WithoutMemoryThereAreFewerRequestsAtOnceButNoFailures) {
    ThreadedTransport transport{to_server(), {16, 18}};
    Client client{transport};
    {
        const Hunger hunger{0};
        EXPECT_EQ(client.start(65536).code(), ENOMEM) << "not even one exchange";
    }
    ASSERT_TRUE(client.start(65536).ok());
    {
        const auto root = client.attach("");
        const Hunger hunger{0};
        std::vector<std::thread> threads;
        std::atomic<int> failures{0};
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                for (int k = 0; k < 30; ++k)
                    if (!client.call(GetAttributes{root.value().fid->number()}).ok()) ++failures;
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(failures, 0);
        EXPECT_EQ(transport.most_under_way(), 1U);
    }
    while (server.fids() > 0) std::this_thread::yield();
    transport.break_down();
}

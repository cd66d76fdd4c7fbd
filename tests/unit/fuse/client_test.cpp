#include "libos/fs/fuse/client.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "libos/mm/page_allocator.hpp"
#include "tests/unit/fs/machine.hpp"
#include "tests/unit/remote/transports.hpp"
#include "tree_server.hpp"

using namespace eremite;
using namespace eremite::fs::fuse;
using namespace eremite::test;

namespace {

class FuseClient : public testing::Test {
protected:
    void SetUp() override { free_at_start_ = start_machine(); }
    void TearDown() override {
        EXPECT_EQ(mm::page_allocator().free_pages(), free_at_start_);
        EXPECT_EQ(server.violations(), std::vector<std::string>{});
    }
    Answer to_server() {
        return [this](const Bytes& request) { return server.answer(request); };
    }
    // What agreeing with a server of such terms ends with, and the size of transfers.
    std::pair<int, uint32_t> agreed(const fuse_init_out& terms, uint32_t wanted = 1 << 20) {
        TreeServer other;
        other.terms = terms;
        InlineTransport transport{[&](const Bytes& request) { return other.answer(request); }};
        Client client{transport};
        const auto started = client.start(wanted);
        return {started.code(), client.io_unit()};
    }
    // Looks a name up below the root, as directories do.
    static Result<Ref<NodeId>> lookup(Client& client, std::string_view name) {
        Ref<NodeId> id = TRY(make_ref<NodeId>(client));
        id->set(TRY(client.call<fuse_entry_out>({FUSE_LOOKUP, FUSE_ROOT_ID, name})).nodeid);
        return id;
    }
    TreeServer server;

private:
    uint64_t free_at_start_ = 0;
};

}  // namespace

TEST_F(FuseClient, TermsOfTheServer) {
    using Agreed = std::pair<int, uint32_t>;
    const fuse_init_out usual = server.terms;
    const auto with = [&](auto change) {
        fuse_init_out terms = usual;
        change(terms);
        return terms;
    };
    EXPECT_EQ(agreed(usual), (Agreed{0, 1 << 20}));
    EXPECT_EQ(agreed(usual, 128 << 10), (Agreed{0, 128 << 10})) << "what we want";
    EXPECT_EQ(agreed(with([](auto& t) { t.minor = 31; })), (Agreed{0, 1 << 20}));
    EXPECT_EQ(agreed(with([](auto& t) { t.minor = 999; })), (Agreed{0, 1 << 20}));
    EXPECT_EQ(agreed(with([](auto& t) { t.minor = 30; })).first, ENOTSUP);
    EXPECT_EQ(agreed(with([](auto& t) { t.minor = 22; })).first, ENOTSUP) << "whose reply is shorter";
    EXPECT_EQ(agreed(with([](auto& t) { t.minor = 4; })).first, ENOTSUP);
    EXPECT_EQ(agreed(with([](auto& t) { t.major = 8; })).first, ENOTSUP);
    EXPECT_EQ(agreed(with([](auto& t) { t.major = 6; })).first, ENOTSUP);
    EXPECT_EQ(agreed(with([](auto& t) { t.max_write = 20'000; })), (Agreed{0, 20'000}));
    EXPECT_EQ(agreed(with([](auto& t) { t.max_write = 4096; })), (Agreed{0, 4096}));
    EXPECT_EQ(agreed(with([](auto& t) { t.max_write = 4095; })).first, ENOTSUP);
    EXPECT_EQ(agreed(with([](auto& t) { t.max_write = 0; })).first, ENOTSUP);
    EXPECT_EQ(agreed(with([](auto& t) { t.max_write = UINT32_MAX; })), (Agreed{0, 1 << 20}));
    EXPECT_EQ(agreed(with([](auto& t) { t.max_pages = 16; })), (Agreed{0, 64 << 10}));
    EXPECT_EQ(agreed(with([](auto& t) { t.max_pages = 0; })), (Agreed{0, 4096}));
    EXPECT_EQ(agreed(with([](auto& t) { t.flags &= ~uint32_t{FUSE_MAX_PAGES}; })), (Agreed{0, 128 << 10})) << "the protocol's default";
    EXPECT_EQ(agreed(with([](auto& t) { t.flags = 0; })), (Agreed{0, 128 << 10}));
}

TEST_F(FuseClient, FeaturesAreThoseThatBothHave) {
    server.tamper = [](const fuse_in_header&, Bytes& reply) {
        const uint32_t all = ~0U;
        std::memcpy(&reply[sizeof(fuse_out_header) + offsetof(fuse_init_out, flags)], &all, sizeof all);
    };
    InlineTransport transport{to_server()};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    EXPECT_TRUE(client.has(FUSE_MAX_PAGES));
    EXPECT_FALSE(client.has(FUSE_WRITEBACK_CACHE)) << "not asked for";
}

TEST_F(FuseClient, UnknownRequestsAreAskedForOnce) {
    InlineTransport transport{to_server()};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    server.errors[FUSE_STATFS] = ENOSYS;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.call<fuse_statfs_out>({FUSE_STATFS, FUSE_ROOT_ID}).code(), ENOSYS);
    EXPECT_EQ(server.counts[FUSE_STATFS], 1);
    EXPECT_EQ(client.call({FUSE_LOOKUP, FUSE_ROOT_ID, std::string(9000, 'x')}).code(), EMSGSIZE);
}

// Numbers are given up in whatever exchange is idle, else as soon as one is.
TEST_F(FuseClient, ManyThreadsHaveRequestsUnderWay) {
    constexpr int thread_count = 12, rounds = 8;
    for (int i = 0; i < thread_count; ++i) server.tree.write(*server.tree.create(server.tree.root(), std::to_string(i), S_IFREG | 0644), 0, "x");
    ThreadedTransport transport{to_server(), {5, 19}};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < thread_count; ++i) {
        threads.emplace_back([&, i] {
            for (int round = 0; round < rounds; ++round) {
                auto id = lookup(client, std::to_string(i));
                if (!id.ok()) {
                    ++wrong;
                    continue;
                }
                auto handle = make_ref<OpenHandle>(client, Ref<NodeId>{*id}, uint32_t{O_RDONLY}, false);
                const auto out = client.call<fuse_open_out>({FUSE_OPEN, (*id)->number(), fuse_open_in{O_RDONLY, 0}});
                if (out.ok()) (*handle)->set(out.value().fh);
                else ++wrong;
                const auto attributes = client.call<fuse_attr_out>({FUSE_GETATTR, (*id)->number(), fuse_getattr_in{}});
                if (!attributes.ok() || attributes.value().attr.size != 1) ++wrong;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(transport.most_under_way(), 1U);
    while (server.known_files() > 0 || server.open_files() > 0) std::this_thread::yield();
    // The last one may be on its way back still.
    transport.drain();
    transport.break_down();
}

TEST_F(FuseClient, BrokenTransportEndsEveryRequest) {
    std::mutex gate;
    std::condition_variable opened;
    bool stuck = false;
    ThreadedTransport transport{[&](const Bytes& request) {
        std::unique_lock guard{gate};
        opened.wait(guard, [&] { return !stuck; });
        return server.answer(request);
    }, {8, 19}, 1};
    Client client{transport};
    ASSERT_TRUE(client.start(65536).ok());
    {
        const std::lock_guard guard{gate};
        stuck = true;
    }
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int i = 0; i < 16; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 3; ++k)
                if (client.call<fuse_statfs_out>({FUSE_STATFS, FUSE_ROOT_ID}).code() == EIO) ++failures;
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
    EXPECT_GE(failures, 16 * 3 - 1) << "the server answers one at most";
}

TEST_F(FuseClient, WithoutMemoryThereAreFewerRequestsAtOnceButNoFailures) {
    ThreadedTransport transport{to_server(), {16, 19}};
    Client client{transport};
    {
        const Hunger hunger{0};
        EXPECT_EQ(client.start(65536).code(), ENOMEM) << "not even one exchange";
    }
    ASSERT_TRUE(client.start(65536).ok());
    {
        const Hunger hunger{0};
        std::vector<std::thread> threads;
        std::atomic<int> failures{0};
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                for (int k = 0; k < 30; ++k)
                    if (!client.call<fuse_statfs_out>({FUSE_STATFS, FUSE_ROOT_ID}).ok()) ++failures;
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(failures, 0);
        EXPECT_EQ(transport.most_under_way(), 1U);
    }
    transport.break_down();
}

// Both engines do the same.
#include "vmm/block/io_engine.hpp"

#include <fcntl.h>

#include <filesystem>
#include <iterator>
#include <map>
#include <vector>

#include "temporary_file.hpp"
#include "vmm/block/thread_engine.hpp"
#include "vmm/block/uring_engine.hpp"
#include "vmm/event_loop.hpp"

namespace eremite::test {
namespace {

using vmm::block::IoEngine;
using vmm::block::Operation;
using vmm::block::Outcome;

struct IoEngineTest : ::testing::TestWithParam<bool> {
    static constexpr uint32_t depth = 16;
    TemporaryFile file{off_t{1} << 20};
    vmm::UniqueFd descriptor{::open(file.path().c_str(), O_RDWR | O_CLOEXEC)};
    std::unique_ptr<IoEngine> engine;

    void SetUp() override {
        if (GetParam()) engine = vmm::block::UringEngine::make(descriptor.get(), depth);
        else engine = std::make_unique<vmm::block::ThreadEngine>(descriptor.get());
        if (!engine) GTEST_SKIP() << "the host has no io_uring";
        engine->start();
    }
    Outcome next() {
        Outcome outcome;
        engine->wait();
        EXPECT_TRUE(engine->take(outcome));
        return outcome;
    }
    int64_t run(const Operation& operation) {
        engine->submit(7, operation);
        engine->kick();
        const Outcome outcome = next();
        EXPECT_EQ(outcome.slot, 7U);
        return outcome.result;
    }
};

INSTANTIATE_TEST_SUITE_P(, IoEngineTest, ::testing::Values(false, true), [](const auto& info) { return info.param ? "Uring" : "Threads"; });

iovec piece(std::string& text) { return {text.data(), text.size()}; }

// Threads keep the rights that they begin with.
TEST_P(IoEngineTest, MakesNoThreadsBeforeItStarts) {
    const auto threads = [] { return std::distance(std::filesystem::directory_iterator{"/proc/self/task"}, {}); };
    const auto before = threads();
    const vmm::block::ThreadEngine another{descriptor.get()};
    EXPECT_EQ(threads(), before);
}

TEST_P(IoEngineTest, WritesAndReads) {
    std::string first = "Hello, ", second = "World";
    const std::vector<iovec> from{piece(first), piece(second)};
    EXPECT_EQ(run({.kind = Operation::Kind::Write, .offset = 1000, .memory = from}), 12);
    EXPECT_EQ(file.contents().substr(1000, 12), "Hello, World");
    std::string into(5, '.'), rest(7, '.');
    const std::vector<iovec> to{piece(into), piece(rest)};
    EXPECT_EQ(run({.kind = Operation::Kind::Read, .offset = 1000, .memory = to}), 12);
    EXPECT_EQ(into + rest, "Hello, World");
    EXPECT_EQ(run({.kind = Operation::Kind::Write, .durable = true, .offset = 0, .memory = from}), 12);
    EXPECT_EQ(run({.kind = Operation::Kind::Sync}), 0);
    Outcome outcome;
    EXPECT_FALSE(engine->take(outcome));
}

TEST_P(IoEngineTest, PunchesHoles) {
    std::string text(8192, 'x');
    const std::vector<iovec> from{piece(text)};
    ASSERT_EQ(run({.kind = Operation::Kind::Write, .offset = 0, .memory = from}), 8192);
    const int64_t result = run({.kind = Operation::Kind::Punch, .offset = 4096, .length = 4096});
    if (result == -EOPNOTSUPP) GTEST_SKIP() << "the host's file system has no holes";
    EXPECT_EQ(result, 0);
    EXPECT_EQ(file.contents().substr(0, 8192), std::string(4096, 'x') + std::string(4096, '\0'));
    const int64_t zeroed = run({.kind = Operation::Kind::Zero, .offset = 0, .length = 512});
    if (zeroed == -EOPNOTSUPP) return;
    EXPECT_EQ(zeroed, 0);
    EXPECT_EQ(file.contents().substr(0, 513), std::string(512, '\0') + "x");
    EXPECT_EQ(file.contents().size(), size_t{1} << 20);
}

TEST_P(IoEngineTest, SaysWhatWentWrong) {
    std::string text(16, '.');
    const std::vector<iovec> memory{piece(text)};
    EXPECT_EQ(run({.kind = Operation::Kind::Read, .offset = 1 << 20, .memory = memory}), 0) << "behind the end";
    EXPECT_EQ(run({.kind = Operation::Kind::Read, .offset = (1 << 20) - 10, .memory = memory}), 10);
    const std::vector<iovec> nowhere{{nullptr, 16}};
    EXPECT_EQ(run({.kind = Operation::Kind::Read, .offset = 0, .memory = nowhere}), -EFAULT);
    EXPECT_EQ(run({.kind = Operation::Kind::Punch, .offset = 0, .length = 0}), -EINVAL);
}

TEST_P(IoEngineTest, ManyAtOnce) {
    std::vector<std::string> texts;
    for (uint32_t i = 0; i < depth; ++i) texts.push_back(std::string(4096, static_cast<char>('a' + i)));
    std::vector<iovec> pieces;
    for (auto& text : texts) pieces.push_back(piece(text));
    for (int round = 0; round < 20; ++round) {
        for (uint32_t i = 0; i < depth; ++i) engine->submit(i, {.kind = Operation::Kind::Write, .offset = 4096 * i, .memory = {&pieces[i], 1}});
        engine->kick();
        std::map<uint32_t, int64_t> done;
        while (done.size() < depth) {
            const Outcome outcome = next();
            EXPECT_TRUE(done.emplace(outcome.slot, outcome.result).second);
        }
        for (const auto& [slot, result] : done) EXPECT_EQ(result, 4096) << slot;
    }
    const std::string contents = file.contents();
    for (uint32_t i = 0; i < depth; ++i) EXPECT_EQ(contents.substr(4096 * i, 4096), texts[i]);
}

TEST_P(IoEngineTest, SignalsWhatIsDone) {
    vmm::EventLoop loop;
    int64_t result = -1;
    loop.add_event(engine->event(), [&] {
        Outcome outcome;
        while (engine->take(outcome)) result = outcome.result;
        loop.stop();
    });
    engine->submit(3, {.kind = Operation::Kind::Sync});
    engine->kick();
    loop.run();
    EXPECT_EQ(result, 0);
}

TEST(IoEngine, HasOneForAnyHost) {
    const TemporaryFile file{off_t{512}};
    const vmm::UniqueFd descriptor{::open(file.path().c_str(), O_RDWR | O_CLOEXEC)};
    const auto engine = vmm::block::make_io_engine(descriptor.get(), 256);
    engine->submit(1, {.kind = Operation::Kind::Sync});
    engine->kick();
    engine->wait();
    Outcome outcome;
    ASSERT_TRUE(engine->take(outcome));
    EXPECT_EQ(outcome.result, 0);
}

}  // namespace
}  // namespace eremite::test

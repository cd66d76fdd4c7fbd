// The queue of a local socket, against a string.
#include "libos/socket/packet_queue.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "libos/sched/awaited_memory.hpp"

namespace eremite {

// Buffers of these tests are the kernel's own.
namespace mm {
Result<void> copy_from_user_now(void*, VirtualAddress, size_t) { return Error{EFAULT}; }
Result<void> copy_to_user_now(VirtualAddress, const void*, size_t) { return Error{EFAULT}; }
Result<void> zero_user_now(VirtualAddress, size_t) { return Error{EFAULT}; }
}  // namespace mm
bool sched::await_memory() { return false; }

// What is passed along.
size_t fs::File::describe(char*, size_t) { return 0; }
void fs::File::dispose() const { RefCounted::dispose(); }

namespace socket {
namespace {

struct Token final : fs::File {
    explicit Token(int& count) : File{O_RDWR}, alive{count} { ++alive; }
    ~Token() override { --alive; }
    Result<size_t> read(fs::IoBuffer&) override { return size_t{0}; }
    Result<size_t> write(fs::IoBuffer&) override { return size_t{0}; }
    Result<fs::Attributes> attributes() override { return fs::Attributes{}; }
    int& alive;
};

fs::IoBuffer buffer(std::string& text) { return fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }

struct Queue {
    size_t put(std::string text, Files files = {}) {
        auto io = buffer(text);
        const auto done = queue.put_bytes(io, text.size(), files);
        return done.ok() ? done.value() : 0;
    }
    void put_record(std::string text) {
        auto io = buffer(text);
        Files none;
        EXPECT_TRUE(queue.put_record(io, text.size(), none).ok());
    }
    std::string take(size_t size, int flags = 0, bool record = false) {
        std::string text(size, '?');
        auto io = buffer(text);
        Message message{io, flags};
        List<Packet> used;
        const auto done = record ? queue.take_record(message, used) : queue.take_bytes(message, used);
        destroy(used);
        files = std::move(message.files);
        flags_found = message.result_flags;
        text.resize(done.ok() ? std::min(done.value(), size) : 0);
        size_found = done.ok() ? done.value() : 0;
        return text;
    }
    PacketQueue queue;
    Files files;
    int flags_found = 0;
    size_t size_found = 0;
};

TEST(PacketQueue, AStreamIsItsBytes) {
    Queue q;
    std::mt19937 random{3};
    std::string expected;
    char next = 0;
    for (int round = 0; round < 5000; ++round) {
        if (random() % 2 == 0 || q.queue.empty()) {
            std::string text(1 + random() % 9000, 0);
            for (char& c : text) c = ++next;
            ASSERT_EQ(q.put(text), text.size());
            expected += text;
        } else {
            const size_t size = 1 + random() % 9000;
            const bool peek = random() % 4 == 0;
            const std::string got = q.take(size, peek ? MSG_PEEK : 0);
            ASSERT_EQ(got, expected.substr(0, size));
            if (!peek) expected.erase(0, got.size());
        }
        ASSERT_EQ(q.queue.size(), expected.size());
        ASSERT_EQ(q.queue.empty(), expected.empty());
    }
}

TEST(PacketQueue, RecordsKeepTheirEnds) {
    Queue q;
    for (const char* text : {"first", "", "third"}) q.put_record(text);
    EXPECT_EQ(q.queue.size(), 10u);
    EXPECT_EQ(q.queue.first().left(), 5u);
    EXPECT_EQ(q.take(100, MSG_PEEK, true), "first");
    EXPECT_EQ(q.take(2, MSG_TRUNC, true), "fi");
    EXPECT_EQ(q.size_found, 5u);
    EXPECT_EQ(q.flags_found, MSG_TRUNC);
    EXPECT_EQ(q.take(100, 0, true), "");
    EXPECT_FALSE(q.queue.empty());
    EXPECT_EQ(q.take(100, 0, true), "third");
    EXPECT_TRUE(q.queue.empty());
    EXPECT_EQ(q.queue.cost(), 0u);
}

TEST(PacketQueue, FilesComeWithTheirByte) {
    int alive = 0;
    {
        Queue q;
        q.put("before");
        Files files;
        ASSERT_TRUE(files.push_back(make_ref<Token>(alive).value()).ok());
        q.put("with", std::move(files));
        q.put("behind");
        EXPECT_EQ(q.take(3), "bef");
        EXPECT_TRUE(q.files.empty());
        EXPECT_EQ(q.take(100, MSG_PEEK), "orewith");
        EXPECT_EQ(q.files.size(), 1u);
        // A reader that stops within their packet has them already.
        EXPECT_EQ(q.take(5), "orewi");
        EXPECT_EQ(q.files.size(), 1u);
        q.files.clear();
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(q.take(100), "thbehind");
        EXPECT_TRUE(q.files.empty());
        ASSERT_TRUE(files.push_back(make_ref<Token>(alive).value()).ok());
        q.put("left behind", std::move(files));
        EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace socket
}  // namespace eremite

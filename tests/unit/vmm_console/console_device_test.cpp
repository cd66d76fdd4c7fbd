#include "vmm/console/console_device.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>

#include <csignal>

#include "tests/unit/vmm_core/guest.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using virtio::Segment;
using vmm::UniqueFd;
using vmm::console::ConsoleDevice;

constexpr uint16_t receive_queue = 0, transmit_queue = 1;

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"pipe2"};
        from = UniqueFd{ends[0]};
        to = UniqueFd{ends[1]};
    }
    UniqueFd from, to;
};

std::string read_exactly(int file, size_t count) {
    std::string text(count, '\0');
    for (size_t at = 0; at < count;) {
        const ssize_t got = ::read(file, text.data() + at, count - at);
        if (got <= 0) throw std::runtime_error{"the pipe ended"};
        at += static_cast<size_t>(got);
    }
    return text;
}

struct Console : ::testing::Test {
    Guest guest;
    Pipe output, input;

    static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }
    void attach(UniqueFd to, UniqueFd from = {}, bool threaded = true) {
        guest.attach([&](const vmm::GuestMemory&, vmm::virtio::Host& host) {
            return std::make_unique<ConsoleDevice>(host, "console0", std::move(to), std::move(from));
        }, threaded);
        EXPECT_EQ(guest.get(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_CONSOLE});
        guest.bring_up(0, 2);
    }
    // The machine goes on from a snapshot, with these.
    void restore(std::span<const std::byte> state, UniqueFd to, UniqueFd from = {}) {
        guest.restore(state, [&](const vmm::GuestMemory&, vmm::virtio::Host& host) {
            return std::make_unique<ConsoleDevice>(host, "console0", std::move(to), std::move(from));
        });
    }
    Segment text(std::string_view what) {
        const Segment segment = guest.heap.segment(what.size());
        guest.heap.write(segment, what);
        return segment;
    }
    void send(const Segment& segment) { guest.send(transmit_queue, {&segment, 1}, {}); }
    void type(std::string_view what) { ASSERT_EQ(::write(input.to.get(), what.data(), what.size()), static_cast<ssize_t>(what.size())); }
};

TEST_F(Console, WritesWhatTheGuestSays) {
    attach(std::move(output.to));
    const std::array pieces{text("Hello, "), text("World"), text("!\n")};
    EXPECT_EQ(guest.call(transmit_queue, pieces, {}), 0U);
    EXPECT_EQ(read_exactly(output.from.get(), 14), "Hello, World!\n");
}

TEST_F(Console, GivesTheGuestWhatIsTyped) {
    attach(std::move(output.to), std::move(input.from));
    const Segment room = guest.heap.segment(100);
    guest.send(receive_queue, {}, {&room, 1});
    type("yes\n");
    EXPECT_EQ(guest.wait(receive_queue).written, 4U);
    EXPECT_EQ(guest.heap.text({room.address, 4}), "yes\n");
}

TEST_F(Console, WhatWasTypedBeforeWaits) {
    attach(std::move(output.to), std::move(input.from));
    type("abcdef");
    const Segment first = guest.heap.segment(4), second = guest.heap.segment(4);
    EXPECT_EQ(guest.call(receive_queue, {}, {&first, 1}), 4U);
    EXPECT_EQ(guest.call(receive_queue, {}, {&second, 1}), 2U);
    EXPECT_EQ(guest.heap.text(first) + guest.heap.text({second.address, 2}), "abcdef");
}

TEST_F(Console, WhatWasTypedBeforeTheDriverWaits) {
    type("early");
    attach(std::move(output.to), std::move(input.from));
    const Segment room = guest.heap.segment(16);
    EXPECT_EQ(guest.call(receive_queue, {}, {&room, 1}), 5U);
}

// A reader that does nothing holds up the guest, and loses nothing.
TEST_F(Console, SlowReader) {
    const int capacity = ::fcntl(output.to.get(), F_SETPIPE_SZ, 4096);
    ASSERT_GT(capacity, 0);
    attach(std::move(output.to), {}, false);
    std::string all;
    constexpr size_t count = 8;
    for (size_t i = 0; i < count; ++i) {
        const std::string piece(static_cast<size_t>(capacity) / 2 + 100, static_cast<char>('a' + i));
        all += piece;
        send(text(piece));
    }
    size_t done = 0;
    const auto take_all = [&] {
        guest.settle();
        while (guest.queue(transmit_queue)->take()) ++done;
    };
    take_all();
    EXPECT_EQ(done, 1U) << "the second is written in part only";
    std::string got;
    while (got.size() < all.size()) {
        pollfd waiting{.fd = output.from.get(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
        got += read_exactly(output.from.get(), 1);
        std::string more(1000, '\0');
        if (::poll(&waiting, 1, 0) == 1) {
            const ssize_t count_read = ::read(output.from.get(), more.data(), more.size());
            got += more.substr(0, static_cast<size_t>(std::max<ssize_t>(count_read, 0)));
        }
        take_all();
        ASSERT_LE(done * (static_cast<size_t>(capacity) / 2 + 100), got.size() + static_cast<size_t>(capacity));
    }
    EXPECT_EQ(done, count);
    EXPECT_EQ(got, all);
}

TEST_F(Console, SlowReaderOfManyBytes) {
    attach(std::move(output.to));
    std::string all;
    for (size_t i = 0; i < (1 << 20) / 16; ++i) all += "0123456789abcd\r\n";
    all.replace(all.size() - 5, 5, "end\r\n");
    send(text(all));
    EXPECT_EQ(read_exactly(output.from.get(), all.size()), all);
    EXPECT_EQ(guest.wait(transmit_queue).written, 0U);
}

TEST_F(Console, WritesToAFile) {
    UniqueFd file{::memfd_create("capture", MFD_CLOEXEC)};
    const UniqueFd same{::dup(file.get())};
    attach(std::move(file));
    const std::string large(300'000, 'x');
    const std::array pieces{text(large), text("end")};
    (void)guest.call(transmit_queue, pieces, {});
    std::string got(large.size() + 10, '\0');
    EXPECT_EQ(::pread(same.get(), got.data(), got.size(), 0), static_cast<ssize_t>(large.size() + 3));
    EXPECT_EQ(got.substr(0, large.size() + 3), large + "end");
}

TEST_F(Console, ReaderThatIsGone) {
    attach(std::move(output.to));
    output.from.reset();
    for (int i = 0; i < 3; ++i) {
        const Segment segment = text("to nobody");
        EXPECT_EQ(guest.call(transmit_queue, {&segment, 1}, {}), 0U) << "the guest goes on";
    }
}

TEST_F(Console, ReaderThatGoesWhileTheGuestWaits) {
    attach(std::move(output.to));
    send(text(std::string(1 << 20, 'x')));
    (void)read_exactly(output.from.get(), 1);
    output.from.reset();
    EXPECT_EQ(guest.wait(transmit_queue).written, 0U);
}

TEST_F(Console, FullDevice) {
    attach(UniqueFd{::open("/dev/full", O_WRONLY | O_CLOEXEC)});
    const Segment segment = text("no room");
    EXPECT_EQ(guest.call(transmit_queue, {&segment, 1}, {}), 0U);
    EXPECT_EQ(guest.call(transmit_queue, {&segment, 1}, {}), 0U);
}

TEST_F(Console, NoOutput) {
    attach({});
    const Segment segment = text("nobody reads this");
    EXPECT_EQ(guest.call(transmit_queue, {&segment, 1}, {}), 0U);
}

TEST_F(Console, EndOfInput) {
    attach(std::move(output.to), std::move(input.from));
    type("last words");
    input.to.reset();
    const std::array rooms{guest.heap.segment(64), guest.heap.segment(64)};
    for (const Segment& room : rooms) guest.send(receive_queue, {}, {&room, 1});
    EXPECT_EQ(guest.wait(receive_queue).written, 10U);
    const Segment segment = text("still here");
    (void)guest.call(transmit_queue, {&segment, 1}, {});
    EXPECT_EQ(read_exactly(output.from.get(), 10), "still here");
    EXPECT_FALSE(guest.queue(receive_queue)->take());
}

TEST_F(Console, ResetWhileTheReaderIsSlow) {
    attach(std::move(output.to), std::move(input.from));
    const Segment room = guest.heap.segment(64);
    guest.send(receive_queue, {}, {&room, 1});
    send(text(std::string(1 << 20, 'x')));
    (void)read_exactly(output.from.get(), 1);
    guest.reset();
    type("after the reset");
    // What the pipe had already is still read; what the guest took back is not written.
    ASSERT_EQ(::fcntl(output.from.get(), F_SETFL, O_NONBLOCK), 0);
    std::string rest(1 << 21, '\0');
    size_t got = 0;
    for (ssize_t count; (count = ::read(output.from.get(), rest.data(), rest.size())) > 0;) got += static_cast<size_t>(count);
    EXPECT_LT(got, size_t{1} << 20);
    EXPECT_EQ(guest.heap.text(room), std::string(64, '\0'));
    guest.bring_up(0, 2);
    EXPECT_EQ(guest.call(receive_queue, {}, {&room, 1}), 15U);
}

TEST_F(Console, RequestsOfTheWrongKind) {
    attach(std::move(output.to), std::move(input.from));
    const Segment segment = guest.heap.segment(16);
    EXPECT_EQ(guest.call(transmit_queue, {}, {&segment, 1}), 0U);
    EXPECT_EQ(guest.call(receive_queue, {&segment, 1}, {}), 0U);
    type("x");
    EXPECT_EQ(guest.call(receive_queue, {}, {&segment, 1}), 1U);
}

std::string numbered_lines(size_t count) {
    std::string lines;
    for (size_t i = 0; i < count; ++i) lines += std::to_string(i) + "\n";
    return lines;
}

// The reader of before has the first part of what was under way, that of the restored machine the rest, and what came behind it.
TEST_F(Console, GoesOnInTheMiddleOfARequest) {
    ASSERT_GT(::fcntl(output.to.get(), F_SETPIPE_SZ, 4096), 0);
    attach(std::move(output.to), {}, false);
    const std::string first = numbered_lines(2000), second = "second\n";
    const size_t half = first.size() / 2;
    const std::array pieces{text(std::string_view{first}.substr(0, half)), text(std::string_view{first}.substr(half))};
    guest.send(transmit_queue, pieces, {});
    send(text(second));
    guest.settle();
    ASSERT_FALSE(guest.queue(transmit_queue)->take()) << "the pipe is full";
    const auto state = guest.save();
    std::string before(first.size(), '\0');
    const ssize_t count = ::read(output.from.get(), before.data(), before.size());
    ASSERT_GT(count, 0);
    ASSERT_LT(static_cast<size_t>(count), first.size());
    before.resize(static_cast<size_t>(count));

    Pipe next;
    restore(state, std::move(next.to));
    // A snapshot of what did not go on yet has the same.
    const auto again = guest.save();
    guest.settle();
    EXPECT_EQ(before + read_exactly(next.from.get(), first.size() - before.size() + second.size()), first + second);
    EXPECT_TRUE(guest.queue(transmit_queue)->take());
    EXPECT_TRUE(guest.queue(transmit_queue)->take());
    EXPECT_FALSE(guest.queue(transmit_queue)->take());
    EXPECT_EQ(again, state);
    send(text("whole"));
    guest.settle();
    EXPECT_EQ(read_exactly(next.from.get(), 5), "whole") << "nothing of that is left out";
}

TEST_F(Console, RoomForWhatIsTypedIsThereAfterARestore) {
    attach(std::move(output.to), std::move(input.from), false);
    const Segment one = guest.heap.segment(16), two = guest.heap.segment(16);
    guest.send(receive_queue, {}, {&one, 1});
    guest.send(receive_queue, {}, {&two, 1});
    type("before");
    guest.settle();
    Pipe next;
    restore(guest.save(), {}, std::move(next.from));
    ASSERT_EQ(::write(next.to.get(), "after", 5), 5);
    guest.settle();
    EXPECT_EQ(guest.wait(receive_queue).written, 6U);
    EXPECT_EQ(guest.wait(receive_queue).written, 5U);
    EXPECT_EQ(guest.heap.text({one.address, 6}) + " " + guest.heap.text({two.address, 5}), "before after");
}

}  // namespace
}  // namespace eremite::test

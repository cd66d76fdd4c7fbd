// Files that threads wait for: bytes and events arrive, at whoever waits, in whatever way it waits.
#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "crew.hpp"
#include "libos/fs/poll_set.hpp"
#include "libos/ipc/epoll.hpp"
#include "libos/ipc/event_counter.hpp"
#include "libos/ipc/pipe.hpp"
#include "libos/ipc/timer_file.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/threads.hpp"
#include "user_memory.hpp"

namespace eremite::fs {

// No file here has a path.
Result<std::string_view> path_of(const Inode&, std::span<char>) { return Error{ENOENT}; }

}  // namespace eremite::fs

// Asked for by who watches files, which nobody does here.
eremite::process::Process* eremite::process::program = nullptr;

namespace eremite::test {
namespace {

using File = Ref<fs::File>;

// What is handed over is memory of the kernel: copies of it are watched.
Result<size_t> write(fs::File& file, const void* bytes, size_t size) {
    fs::IoBuffer buffer = fs::IoBuffer::kernel({static_cast<const uint8_t*>(bytes), size});
    return file.write(buffer);
}

Result<size_t> read(fs::File& file, void* bytes, size_t size) {
    fs::IoBuffer buffer = fs::IoBuffer::kernel({static_cast<uint8_t*>(bytes), size});
    return file.read(buffer);
}

ipc::PipeEnds new_pipe(uint32_t flags = 0) {
    auto ends = ipc::create_pipe(flags);
    check(ends.ok(), "a pipe");
    return {ends.value().read_end, ends.value().write_end};
}

File new_counter(uint32_t flags = 0) {
    auto file = ipc::create_event_counter(0, false, flags);
    check(file.ok(), "an event counter");
    return file.value();
}

void add(fs::File& file) {
    const uint64_t one = 1;
    check(write(file, &one, sizeof one).ok(), "an event");
}

TEST(Files, BytesThroughAPipe) {
    ipc::PipeEnds ends = new_pipe();
    check(ipc::set_pipe_capacity(*ends.write_end, 4096).ok(), "a small pipe");
    std::atomic<uint64_t> written{0}, sum_in{0}, received{0}, sum_out{0};
    Crew crew;
    {
        auto writers = std::make_shared<File>(std::move(ends.write_end));
        const Span span{1500};
        crew.start_many(3, [&, writers, span](unsigned number) {
            Random random{number};
            while (!span.over()) {
                uint8_t bytes[3000];
                const size_t size = 1 + random.below(sizeof bytes);
                uint64_t sum = 0;
                for (size_t i = 0; i < size; ++i) sum += bytes[i] = static_cast<uint8_t>(random.next());
                const auto done = write(**writers, bytes, size);
                check(done.ok() && done.value() == size, "all is written");
                written += size;
                sum_in += sum;
                progress();
                leave_kernel();
            }
        });
    }
    crew.start_many(3, [&](unsigned) {
        uint8_t bytes[1000];
        for (;;) {
            const auto done = read(*ends.read_end, bytes, sizeof bytes);
            check(done.ok(), "bytes");
            if (done.value() == 0) return;
            received += done.value();
            for (size_t i = 0; i < done.value(); ++i) sum_out += bytes[i];
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_GT(written, 0u);
    EXPECT_EQ(written, received);
    EXPECT_EQ(sum_in, sum_out);
}

// How a thread may wait for one of several files.
enum class Way { Poll, Level, Edge, OneShot };

// Waits until one of the files may have something. Several threads share an epoll instance.
size_t wait_by(Way way, ipc::Epoll& epoll, std::span<const File> files) {
    if (way == Way::Poll) {
        fs::PollSet set;
        for (const File& file : files) set.add(file, POLLIN);
        const auto ready = set.wait(Instant::never());
        check(ready.ok(), "a poll");
        for (size_t i = 0; i < files.size(); ++i)
            if (set.found(i) != 0) return i;
        return 0;
    }
    const auto stored = epoll.wait(VirtualAddress{scratch()}, 1, Instant::never());
    check(stored.ok() && stored.value() == 1, "an event of epoll");
    epoll_event event;
    std::memcpy(&event, scratch(), sizeof event);
    return event.data.u64;
}

uint32_t events_of(Way way) { return EPOLLIN | (way == Way::Edge ? EPOLLET : way == Way::OneShot ? EPOLLONESHOT : 0u); }

// Events of several counters to several threads: none is lost, none comes twice.
void count_events(Way way) {
    constexpr unsigned files = 3, threads = 3;
    constexpr uint64_t over = uint64_t{1} << 32;
    File counters[files];
    auto set = ipc::create_epoll(0);
    check(set.ok(), "an epoll instance");
    ipc::Epoll& epoll = *ipc::Epoll::of(*set.value());
    for (unsigned i = 0; i < files; ++i) {
        counters[i] = new_counter(O_NONBLOCK);
        epoll_event event{};
        event.events = events_of(way);
        event.data.u64 = i;
        check(epoll.add(*counters[i], static_cast<int>(i), event).ok(), "a file in the set");
    }
    std::atomic<uint64_t> given{0}, taken{0}, ends_taken{0};
    std::atomic<unsigned> giving{2};
    Crew crew;
    const Span span{700};
    crew.start_many(2, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            add(*counters[random.below(files)]);
            ++given;
            progress();
            leave_kernel();
            if (random.below(8) == 0) sched::yield();
        }
        if (--giving != 0) return;
        // One end for each of the threads that take, one after the other, since a counter adds them up.
        for (unsigned i = 0; i < threads; ++i) {
            check(write(*counters[i % files], &over, sizeof over).ok(), "the end");
            while (ends_taken == i) sched::yield(), leave_kernel();
        }
    });
    crew.start_many(threads, [&](unsigned) {
        for (;;) {
            const size_t which = wait_by(way, epoll, counters);
            uint64_t count = 0;
            // Another thread may have been faster.
            if (!read(*counters[which], &count, sizeof count).ok()) count = 0;
            if (way == Way::OneShot) {
                epoll_event event{};
                event.events = events_of(way);
                event.data.u64 = which;
                check(epoll.modify(*counters[which], static_cast<int>(which), event).ok(), "armed again");
            }
            taken += count % over;
            leave_kernel();
            if (count >= over) break;
        }
        ++ends_taken;
    });
    crew.join();
    EXPECT_GT(given, 0u);
    EXPECT_EQ(given, taken);
}

TEST(Files, EventsByPoll) { count_events(Way::Poll); }
TEST(Files, EventsByEpoll) { count_events(Way::Level); }
TEST(Files, EventsByEpollOnEdges) { count_events(Way::Edge); }
TEST(Files, EventsByEpollOnce) { count_events(Way::OneShot); }

// Files are put into a set, taken out and closed while others notify and wait; one set observes the other.
TEST(Files, SetsThatChange) {
    auto outer_file = ipc::create_epoll(0), inner_file = ipc::create_epoll(0);
    check(outer_file.ok() && inner_file.ok(), "epoll instances");
    ipc::Epoll &outer = *ipc::Epoll::of(*outer_file.value()), &inner = *ipc::Epoll::of(*inner_file.value());
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    check(outer.add(inner, 0, wanted).ok(), "one set in the other");
    const File bell = new_counter(O_NONBLOCK);
    std::atomic<bool> over{false};
    Crew crew;
    const Span span{1500};
    crew.start_many(3, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            const ipc::PipeEnds ends = new_pipe();
            ipc::Epoll& set = random.below(2) == 0 ? inner : outer;
            check(set.add(*ends.read_end, static_cast<int>(10 + number), wanted).ok(), "a pipe in the set");
            check(write(*ends.write_end, "x", 1).ok(), "a byte");
            if (random.below(2) == 0) check(set.remove(*ends.read_end, static_cast<int>(10 + number)).ok(), "a pipe out of the set");
            progress();
            leave_kernel();
        }
        over = true;
    });
    crew.start_many(2, [&](unsigned number) {
        while (!over) {
            const Instant end = now() + Duration::milliseconds(1);
            const auto stored = (number == 0 ? outer : inner).wait(VirtualAddress{scratch()}, 4, end);
            check(stored.ok() || stored.code() == EINTR, "events");
            leave_kernel();
        }
    });
    crew.start([&] {
        // A set that comes and goes, and observes the other.
        while (!over) {
            auto file = ipc::create_epoll(0);
            check(file.ok() && ipc::Epoll::of(*file.value())->add(inner, 0, wanted).ok(), "a third set");
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_GT(span.over(), 0);
}

// Timers that are read, polled, set and closed while they expire.
TEST(Files, TimerFiles) {
    std::atomic<uint64_t> expired{0};
    Crew crew;
    const Span span{1000};
    crew.start_many(4, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            auto file = ipc::create_timer_file(CLOCK_MONOTONIC, 0);
            check(file.ok(), "a timer");
            ipc::TimerSetting before;
            const auto time = [&random] { return 1 + static_cast<int64_t>(random.below(300'000)); };
            check(ipc::set_timer_file(*file.value(), 0, {.interval = time(), .value = time()}, before).ok(), "a timer is set");
            for (uint64_t rounds = random.below(4); rounds > 0; --rounds) {
                uint64_t count = 0;
                check(read(*file.value(), &count, sizeof count).ok() && count != 0, "expirations");
                expired += count;
                leave_kernel();
            }
            progress();
        }
    });
    crew.join();
    EXPECT_GT(expired, 0u);
}

}  // namespace
}  // namespace eremite::test

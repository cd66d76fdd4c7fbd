// Pipes and event counters with many readers and writers.
#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "stress.hpp"

namespace stress {

// What goes in comes out once. Messages of at most PIPE_BUF bytes stay whole (pipe(7)).
void pipes() {
    constexpr int writers = 4, readers = 4, messages = 200;
    struct Message {
        long value;
        long copies[30];
    };
    static_assert(sizeof(Message) <= PIPE_BUF);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::atomic<int> writing = writers;
    std::atomic<long> sum = 0, count = 0;
    in_threads(writers + readers, [&](int i) {
        if (i < writers) {
            for (int k = 1; k <= messages; ++k) {
                Message message{i * messages + k, {}};
                for (long& copy : message.copies) copy = message.value;
                REQUIRE(write(ends[1], &message, sizeof message) == sizeof message);
            }
            // The readers see the end when the last writer has closed it.
            if (--writing == 0) REQUIRE(close(ends[1]) == 0);
            return;
        }
        for (;;) {
            Message message;
            const ssize_t size = read(ends[0], &message, sizeof message);
            if (size == 0) return;
            REQUIRE(size == sizeof message);
            for (long copy : message.copies) REQUIRE(copy == message.value);
            sum += message.value;
            ++count;
            progress();
        }
    });
    constexpr long all = static_cast<long>(writers) * messages;
    REQUIRE(count == all && sum == all * (all + 1) / 2);
    REQUIRE(close(ends[0]) == 0);

    // More at a time than the pipe holds: both sides block.
    REQUIRE(pipe(ends) == 0);
    constexpr size_t large = 300'000;
    std::thread writer{[&] {
        std::vector<unsigned char> data(large);
        for (size_t k = 0; k < large; ++k) data[k] = static_cast<unsigned char>(k * 7 >> 3);
        REQUIRE(write(ends[1], data.data(), large) == large);
        REQUIRE(close(ends[1]) == 0);
    }};
    size_t at = 0;
    unsigned char part[5000];
    for (ssize_t size; (size = read(ends[0], part, sizeof part)) > 0;) {
        for (ssize_t k = 0; k < size; ++k) REQUIRE(part[k] == static_cast<unsigned char>((at + k) * 7 >> 3));
        at += size;
        progress();
    }
    writer.join();
    REQUIRE(at == large && close(ends[0]) == 0);
}

void event_counters() {
    constexpr int posters = 3, takers = 3, posts = 300;
    for (int flags : {0, int{EFD_SEMAPHORE}}) {
        const int fd = eventfd(0, flags);
        REQUIRE(fd >= 0);
        std::atomic<uint64_t> taken = 0;
        std::atomic<int> posting = posters;
        // After the last post every taker gets one large value, which tells it to stop.
        constexpr uint64_t stop = 1'000'000;
        in_threads(posters + takers, [&](int i) {
            uint64_t value = 1;
            if (i < posters) {
                for (int k = 0; k < posts; ++k) REQUIRE(write(fd, &value, sizeof value) == sizeof value);
                if (--posting == 0) {
                    value = flags ? takers : stop;
                    if (flags) {
                        while (taken != posters * posts) sched_yield();
                    }
                    REQUIRE(write(fd, &value, sizeof value) == sizeof value);
                }
                return;
            }
            for (;;) {
                REQUIRE(read(fd, &value, sizeof value) == sizeof value);
                progress();
                if (flags) {
                    REQUIRE(value == 1);
                    if (taken == posters * posts) return;
                    ++taken;
                    continue;
                }
                taken += value % stop;
                if (value < stop) continue;
                // For the next taker.
                REQUIRE(write(fd, &stop, sizeof stop) == sizeof stop);
                return;
            }
        });
        REQUIRE(taken == posters * posts);
        REQUIRE(close(fd) == 0);
    }
}

}  // namespace stress

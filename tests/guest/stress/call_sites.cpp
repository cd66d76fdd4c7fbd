// System calls of many places, each made by several threads at once. Eremite turns a `syscall` that is made often into a jump
// while the other threads come by.
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>

#include "stress.hpp"

namespace stress {

namespace {

// A function for each place: aligned, so that there is room between them, and with a constant of its own, so that they are not one.
template <int Place>
[[gnu::noinline, gnu::aligned(16)]] long process_id() {
    long result = SYS_getpid;
    // SAFETY: as syscall(2) does it; getpid takes no arguments.
    asm volatile("syscall" : "+a"(result) : "D"(Place) : "rcx", "r11", "memory");
    return result;
}

constexpr int places = 64;

template <int... Place>
constexpr std::array<long (*)(), places> functions_of(std::integer_sequence<int, Place...>) {
    return {process_id<Place>...};
}

}  // namespace

void call_sites() {
    constexpr int threads = 3, calls = 200;
    constexpr auto functions = functions_of(std::make_integer_sequence<int, places>{});
    const long expected = getpid();
    for (const auto function : functions) {
        std::atomic<int> ready = 0;
        in_threads(threads, [&](int) {
            ++ready;
            while (ready < threads) sched_yield();
            for (int i = 0; i < calls; ++i) REQUIRE(function() == expected);
        });
        progress();
    }
}

}  // namespace stress

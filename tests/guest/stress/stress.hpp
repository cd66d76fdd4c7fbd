#pragma once
// Stress: many threads do the same things at once, and what must hold is checked. A case is a bounded round of work that main repeats
// for as long as it was asked to; a watchdog ends the program when nothing advances any more, which is what a lost wake-up looks like.
#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/random.hpp"

namespace stress {

struct Case {
    std::string_view name;
    void (*round)();
};

/// Tells the watchdog that something was achieved.
void progress();

/// Ends the program with status 1 and says where.
[[noreturn]] void fail(const char* what, const char* file, int line);
#define REQUIRE(expression) ((expression) ? void() : ::stress::fail(#expression, __FILE__, __LINE__))

/// CPUs that this thread may run on.
std::vector<int> allowed_cpus();

/// Runs body(0) to body(count - 1), each in a thread of its own, and waits for all.
template <class Body>
void in_threads(int count, Body body) {
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
    for (auto& thread : threads) thread.join();
}

using eremite::test::Random;

// lifecycle.cpp
void create_and_join();
void alive_together();
void detached();
void exit_races();
void sleepers();
// call_sites.cpp
void call_sites();
// locks.cpp
void mutexes();
void inheriting_mutexes();
void conditions();
void barriers();
void semaphores();
void reader_writer_locks();
void once();
// futexes.cpp
void futex_lock();
void token_ring();
void requeue();
void bitsets();
void timed_waits();
// cpus.cpp
void affinity();
void migration();
void real_time();
// memory.cpp, faults.cpp
void replaced_pages();
void discarded_pages();
void protected_pages();
void moved_pages();
void private_mappings();
void shared_faults();
void heap();
// files.cpp, pipes.cpp
void appended_files();
void renamed_files();
void file_blocks();
void pipes();
void event_counters();

}  // namespace stress

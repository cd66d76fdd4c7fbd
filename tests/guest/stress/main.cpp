// The program: stress [--seconds N] [CASE...]. Standard output is the same wherever all is well; counts go to standard error.
#include <malloc.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stress.hpp"

namespace stress {

namespace {

using Clock = std::chrono::steady_clock;

constexpr Case cases[] = {
    {"create_and_join", create_and_join},
    {"alive_together", alive_together},
    {"detached", detached},
    {"exit_races", exit_races},
    {"sleepers", sleepers},
    {"call_sites", call_sites},
    {"mutexes", mutexes},
    {"inheriting_mutexes", inheriting_mutexes},
    {"conditions", conditions},
    {"barriers", barriers},
    {"semaphores", semaphores},
    {"reader_writer_locks", reader_writer_locks},
    {"once", once},
    {"futex_lock", futex_lock},
    {"token_ring", token_ring},
    {"requeue", requeue},
    {"bitsets", bitsets},
    {"timed_waits", timed_waits},
    {"affinity", affinity},
    {"migration", migration},
    {"real_time", real_time},
    {"replaced_pages", replaced_pages},
    {"discarded_pages", discarded_pages},
    {"protected_pages", protected_pages},
    {"moved_pages", moved_pages},
    {"private_mappings", private_mappings},
    {"shared_faults", shared_faults},
    {"heap", heap},
    {"appended_files", appended_files},
    {"renamed_files", renamed_files},
    {"file_blocks", file_blocks},
    {"pipes", pipes},
    {"event_counters", event_counters},
};

std::atomic<uint64_t> achieved = 0;
std::atomic<const char*> current_case = "start";

// A slow host may stop a machine for seconds; a wake-up that was lost never comes.
constexpr auto patience = std::chrono::seconds{20};

void watch() {
    uint64_t last = achieved;
    auto since = Clock::now();
    for (;;) {
        std::this_thread::sleep_for(std::chrono::milliseconds{500});
        const uint64_t now = achieved;
        if (now != last) {
            last = now;
            since = Clock::now();
        } else if (Clock::now() - since > patience) {
            std::fprintf(stderr, "%s: nothing has advanced for %d s, after %llu steps\n", current_case.load(), static_cast<int>(patience.count()),
                         static_cast<unsigned long long>(now));
            _exit(1);
        }
    }
}

// As the first process of a machine the program has it to itself: then all of the machine's memory counts, the kernel's included.
// Elsewhere only the program's own is known, in pages (proc(5), statm).
long used_bytes() {
    if (getpid() == 1) {
        struct sysinfo info;
        REQUIRE(sysinfo(&info) == 0);
        return static_cast<long>((info.totalram - info.freeram) * info.mem_unit);
    }
    long size = 0, resident = 0;
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    if (!file) return 0;
    REQUIRE(std::fscanf(file, "%ld %ld", &size, &resident) == 2);
    std::fclose(file);
    return resident * 4096;
}

// The threads that were joined may still be on their way out in the kernel, so memory is given time to come back: until there is as
// little in use as expected, or until a while has changed nothing.
long used_bytes_at_rest(long expected) {
    malloc_trim(0);
    long least = used_bytes();
    for (int unchanged = 0; least > expected && unchanged < 20; ++unchanged) {
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
        const long used = used_bytes();
        if (used < least) {
            least = used;
            unchanged = 0;
        }
    }
    return least;
}

void run(const Case& test, double seconds) {
    // Caches of stacks and of freed memory, the C library's and the kernel's, fill in the first rounds and stay.
    constexpr long bound = 2 << 20;
    current_case = test.name.data();
    for (int i = 0; i < 2; ++i) test.round();
    const long before = used_bytes_at_rest(0);
    const auto end = Clock::now() + std::chrono::duration<double>{seconds};
    long rounds = 0;
    do {
        test.round();
        ++rounds;
    } while (Clock::now() < end);
    const long after = used_bytes_at_rest(before + bound);
    std::fprintf(stderr, "%-20s %6ld rounds, memory %+ld KiB\n", test.name.data(), rounds, (after - before) / 1024);
    REQUIRE(after <= before + bound);
    std::printf("%s: ok\n", test.name.data());
    std::fflush(stdout);
}

}  // namespace

void progress() { achieved.fetch_add(1, std::memory_order_relaxed); }

void fail(const char* what, const char* file, int line) {
    std::fprintf(stderr, "%s: failed: %s (%s:%d; errno: %s)\n", current_case.load(), what, file, line, std::strerror(errno));
    _exit(1);
}

std::vector<int> allowed_cpus() {
    cpu_set_t set;
    REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    return cpus;
}

}  // namespace stress

int main(int argc, char** argv) {
    double seconds = 1;
    std::vector<const stress::Case*> chosen;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--seconds" && i + 1 < argc) {
            seconds = std::atof(argv[++i]);
            continue;
        }
        const auto found = std::ranges::find(stress::cases, argument, &stress::Case::name);
        if (found == std::end(stress::cases)) {
            std::fprintf(stderr, "usage: stress [--seconds N] [CASE...]; the cases, for N seconds each:\n");
            for (const auto& test : stress::cases) std::fprintf(stderr, "  %s\n", test.name.data());
            return 2;
        }
        chosen.push_back(found);
    }
    if (chosen.empty())
        for (const auto& test : stress::cases) chosen.push_back(&test);
    // More arenas than this keep more memory than a leak would take.
    mallopt(M_ARENA_MAX, 2);
    std::thread{stress::watch}.detach();
    for (const auto* test : chosen) stress::run(*test, seconds);
    std::printf("done\n");
    std::fflush(stdout);
    _exit(0);  // the watchdog need not be waited for
}

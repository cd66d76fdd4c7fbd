#pragma once
// How the benchmark programs measure: in ticks of the time stamp counter, which all three worlds (Linux process, Linux guest,
// Eremite) read the same way and without help from the kernel under test.
#include <x86intrin.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace eremite::bench {

struct Options {
    bool count = false;          // the ticks are guest instructions (QEMU's `-icount shift=0`), not time
    bool first_process = false;  // this is a Linux guest's first process, so it ends by restarting the machine
    bool quick = false;          // fewer repetitions
    unsigned rounds = 0;         // of programs that do all their work several times; 0: their own number
    bool calibrate = false;      // print the frequency of the time stamp counter and do nothing else
    double tsc_mhz = 0;          // ticks per microsecond; 0: measure
    std::string only;            // when not empty, run just the measurement of this name
    std::string directory = "/tmp";  // where files are made
    std::string mount = "tmpfs:bench";  // what a Linux guest's first process mounts there, TYPE:SOURCE
};

/// Reads `--count`, `--init`, `--quick`, `--rounds=N`, `--calibrate`, `--tsc-mhz=N`, `--only=NAME`, `--directory=PATH` and
/// `--mount=TYPE:SOURCE`; anything else ends the program with status 2. Without `--tsc-mhz` the counter is calibrated against the clock,
/// which takes 100 ms.
Options parse_options(int argc, char** argv);

/// Ends the program's work: `status` for main to return. As a Linux guest's first process it does not come back.
[[nodiscard]] int finish(const Options& options, int status);

/// Ends the program with status 1 and says what has gone wrong, by errno.
[[noreturn]] void fail(const char* what);

/// Keeps the calling thread, and those that it starts, on one CPU.
void stay_on(int cpu);

/// The time stamp counter, read after everything before it has completed.
inline uint64_t ticks() {
    _mm_lfence();
    uint64_t now = __rdtsc();
    _mm_lfence();
    return now;
}

/// The middle value; of an even number of samples the upper one. Requires: at least one sample.
double median(std::vector<double> samples);

/// Prints `name unit value` for a value in ticks, as ns or, with `--count`, as instructions.
void print(const Options& options, const char* name, double ticks);

/// Ticks that one call of `operation` takes in a loop of `operations` calls, the loop itself included.
template <class Operation>
double ticks_per_call(uint64_t operations, Operation& operation) {
    uint64_t start = ticks();
    for (uint64_t i = 0; i < operations; ++i) {
        // The compiler may neither merge calls nor move them out of the loop.
        asm volatile("" ::: "memory");
        operation();
    }
    return static_cast<double>(ticks() - start) / static_cast<double>(operations);
}

/// Prints the median cost of `operation`, less that of an empty loop. One call may cover several events: `events` divides it.
template <class Operation>
void measure(const Options& options, const char* name, Operation operation, double events = 1) {
    if (!options.only.empty() && options.only != name) return;
    // Batches stay well below the 4 ms between two ticks of a 250 Hz kernel, so that the median batch is an undisturbed one.
    double batch_ticks = options.count ? 1e6 : options.tsc_mhz * 1000;
    constexpr uint64_t most_operations = 20000;
    unsigned batches = options.quick ? 5 : 15;

    // An emulator translates code when it first runs, and the kernel's caches fill.
    constexpr int most_warm_ups = 1000;
    uint64_t start = ticks();
    for (int i = 0; i < 3 || (i < most_warm_ups && static_cast<double>(ticks() - start) < 10 * batch_ticks); ++i) operation();
    double estimate = std::max(ticks_per_call(2, operation), 1.0);
    uint64_t operations = std::clamp<uint64_t>(static_cast<uint64_t>(batch_ticks / estimate), 1, most_operations);

    auto nothing = [] {};
    std::vector<double> samples, overheads;
    for (unsigned i = 0; i < batches; ++i) {
        samples.push_back(ticks_per_call(operations, operation));
        overheads.push_back(ticks_per_call(operations, nothing));
    }
    print(options, name, std::max(0.0, median(samples) - median(overheads)) / events);
}

}  // namespace eremite::bench

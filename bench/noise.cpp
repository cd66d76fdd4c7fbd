// How undisturbed a program computes: one thread for each CPU, pinned to it, does nothing but look at the time stamp counter. Two ways
// are common. Hourglass: a loop that does nothing else; a gap between two readings is a detour, time that somebody else took. Fixed
// work quantum (FWQ): the same piece of work again and again; what it takes beyond its least is lost.
//
// One line per figure, `name unit value`; the values of all threads together. `detours_N count C`: C detours of N to 2 N - 1 ns (or
// instructions, with --count).
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "measure.hpp"

namespace {

using eremite::bench::fail;
using eremite::bench::Options;
using eremite::bench::ticks;

// What one thread saw, in ticks. All memory is there before the measurement, so that it causes no page faults.
struct Record {
    uint64_t window = 0, lost = 0;
    uint64_t interrupts_before = 0, interrupts_after = 0;
    std::vector<uint64_t> excesses;  // of each detour, or of each quantum

    void reserve(size_t size) {
        excesses.assign(size, 1);
        excesses.clear();
    }
    void add(uint64_t excess) {
        lost += excess;
        if (excesses.size() < excesses.capacity()) excesses.push_back(excess);
    }
};

void quantum(uint64_t iterations) {
    uint64_t x = 1;
    for (uint64_t i = 0; i < iterations; ++i) {
        x = x * 6364136223846793005 + 1442695040888963407;
        asm volatile("" : "+r"(x));
    }
}

// An emulator's CPUs share what the counter is read from, and hinder each other when they do nothing else: so there is some work between
// two readings, except where instructions are counted and the shortest detour shall be seen.
uint64_t next_reading(uint64_t pause) {
    quantum(pause);
    return __rdtsc();
}

// Shorter gaps are those of the loop itself: between two readings there are but a few instructions.
uint64_t hourglass_threshold(uint64_t pause) {
    std::vector<double> gaps(10001);
    uint64_t last = next_reading(pause);
    for (double& gap : gaps) {
        const uint64_t now = next_reading(pause);
        gap = static_cast<double>(now - last);
        last = now;
    }
    return std::max<uint64_t>(static_cast<uint64_t>(10 * eremite::bench::median(std::move(gaps))), 100);
}

void hourglass(Record& record, uint64_t window, uint64_t pause) {
    const uint64_t threshold = hourglass_threshold(pause), start = next_reading(pause), end = start + window;
    uint64_t last = start;
    while (last < end) {
        const uint64_t now = next_reading(pause);
        if (now - last > threshold) record.add(now - last);
        last = now;
    }
    record.window = last - start;
}

uint64_t ticks_of_quantum(uint64_t iterations) {
    const uint64_t start = ticks();
    quantum(iterations);
    return ticks() - start;
}

void fixed_work_quantum(Record& record, uint64_t window, uint64_t quantum_ticks) {
    uint64_t least = ~0ull;
    for (int i = 0; i < 100; ++i) least = std::min(least, ticks_of_quantum(1000));
    const uint64_t iterations = std::max<uint64_t>(1, 1000 * quantum_ticks / least);
    const uint64_t start = ticks();
    uint64_t last = start;
    while (last - start < window) {
        const uint64_t before = ticks();
        quantum(iterations);
        last = ticks();
        record.add(last - before);
    }
    record.window = last - start;
    // What a quantum takes when nobody disturbs is known at the end only.
    const uint64_t undisturbed = *std::min_element(record.excesses.begin(), record.excesses.end());
    record.lost = 0;
    for (uint64_t& excess : record.excesses) record.lost += excess -= undisturbed;
}

// Of all CPUs since boot, as the kernel counts them (proc(5), /proc/stat). Without the C library's streams: threads that open one at the
// same time wait for each other, and the wake-up would be counted.
uint64_t interrupts_so_far() {
    std::array<char, 16384> text;
    const int file = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("/proc/stat");
    size_t length = 0;
    ssize_t got;
    while (length < text.size() - 1 && (got = read(file, text.data() + length, text.size() - 1 - length)) > 0) length += static_cast<size_t>(got);
    close(file);
    text[length] = 0;
    const char* const line = std::strstr(text.data(), "\nintr ");
    unsigned long long count;
    if (!line || std::sscanf(line, " intr %llu", &count) != 1) fail("/proc/stat has no count of interrupts");
    return count;
}

struct Worker {
    int cpu;
    pthread_t thread;
    Record record;
};

std::vector<int> allowed_cpus() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) fail("sched_getaffinity");
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    return cpus;
}

// Runs `body(record)` on every CPU at the same time.
template <class Body>
std::vector<Worker> on_all_cpus(size_t records, Body body) {
    struct Task {
        Worker* worker;
        Body* body;
        std::atomic<unsigned>* ready;
        unsigned count;
    };
    std::vector<Worker> workers;
    for (int cpu : allowed_cpus()) workers.push_back({cpu, {}, {}});
    std::atomic<unsigned> ready = 0;
    std::vector<Task> tasks;
    for (Worker& worker : workers) {
        worker.record.reserve(records);
        tasks.push_back({&worker, &body, &ready, static_cast<unsigned>(workers.size())});
    }
    for (Task& task : tasks) {
        const auto run = [](void* argument) -> void* {
            Task& mine = *static_cast<Task*>(argument);
            eremite::bench::stay_on(mine.worker->cpu);
            ++*mine.ready;
            while (*mine.ready < mine.count) sched_yield();
            (*mine.body)(mine.worker->record);
            return nullptr;
        };
        if (pthread_create(&task.worker->thread, nullptr, run, &task) != 0) fail("pthread_create");
    }
    for (Worker& worker : workers)
        if (pthread_join(worker.thread, nullptr) != 0) fail("pthread_join");
    return workers;
}

class Report {
public:
    Report(const Options& options, const char* method, const std::vector<Worker>& workers) : options_{options}, method_{method} {
        for (const Worker& worker : workers) {
            window_ += static_cast<double>(worker.record.window);
            lost_ += static_cast<double>(worker.record.lost);
            // While all of them computed.
            interrupts_before_ = std::max(interrupts_before_, worker.record.interrupts_before);
            interrupts_after_ = std::min(interrupts_after_, worker.record.interrupts_after);
            sorted_.insert(sorted_.end(), worker.record.excesses.begin(), worker.record.excesses.end());
        }
        std::sort(sorted_.begin(), sorted_.end());
        cpus_ = workers.size();
    }

    void interrupts() const {
        const uint64_t count = interrupts_after_ > interrupts_before_ ? interrupts_after_ - interrupts_before_ : 0;
        std::printf("%s_interrupts count %llu\n", method_, static_cast<unsigned long long>(count));
    }
    void share_lost() const { std::printf("%s_lost ppm %.2f\n", method_, lost_ / window_ * 1e6); }
    void longest() const { quantity("longest", sorted_.empty() ? 0 : sorted_.back()); }
    void percentile_99() const { quantity("p99", sorted_.empty() ? 0 : sorted_[sorted_.size() * 99 / 100]); }
    // Of one CPU, on average.
    void per_second() const {
        const double seconds = to_units(window_) / 1e9;
        std::printf("%s_detours per_second %.2f\n", method_, static_cast<double>(sorted_.size()) / seconds);
    }
    void histogram() const {
        std::array<unsigned, 64> bins{};
        for (uint64_t excess : sorted_) ++bins[std::bit_width(static_cast<uint64_t>(std::max(1.0, to_units(static_cast<double>(excess))))) - 1];
        for (size_t i = 0; i < bins.size(); ++i)
            if (bins[i]) std::printf("detours_%llu count %u\n", 1ull << i, bins[i]);
        std::printf("seen_seconds s %.3f\n", to_units(window_) / 1e9);
        std::printf("cpus count %zu\n", cpus_);
    }

private:
    // Nanoseconds, or instructions, of which one takes a nanosecond of the machine's time.
    double to_units(double in_ticks) const { return in_ticks * 1000 / options_.tsc_mhz; }
    void quantity(const char* what, uint64_t value) const {
        std::printf("%s_%s %s %.1f\n", method_, what, options_.count ? "instructions" : "ns", to_units(static_cast<double>(value)));
    }

    const Options& options_;
    const char* method_;
    double window_ = 0, lost_ = 0;
    uint64_t interrupts_before_ = 0, interrupts_after_ = ~uint64_t{0};
    size_t cpus_ = 0;
    std::vector<uint64_t> sorted_;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = eremite::bench::parse_options(argc, argv);
    const double window_seconds = options.quick ? 1 : 5;
    const auto window = static_cast<uint64_t>(window_seconds * options.tsc_mhz * 1e6);
    constexpr double quantum_microseconds = 100, settling_microseconds = 50'000;
    const auto settling = static_cast<uint64_t>(settling_microseconds * options.tsc_mhz);
    const auto quantum_ticks = static_cast<uint64_t>(quantum_microseconds * options.tsc_mhz);
    // Three times what is expected of a busy kernel; the time lost counts whether there is room for the detour or not.
    constexpr size_t most_detours = 1 << 17;

    // A Linux guest's first process finds nothing mounted.
    if (options.first_process && (mkdir("/proc", 0555), mount("proc", "/proc", "proc", 0, nullptr)) != 0) fail("mount /proc");

    if (options.only.empty() || options.only == "hourglass") {
        const uint64_t pause = options.count ? 0 : 100;
        const auto body = [&](Record& record) {
            // What was begun before is over by then: wake-ups of the threads, and the time slice in which they waited for each other.
            const uint64_t start = ticks();
            while (ticks() - start < settling) quantum(1000);
            record.interrupts_before = interrupts_so_far();
            hourglass(record, window, pause);
            record.interrupts_after = interrupts_so_far();
        };
        const Report report{options, "hourglass", on_all_cpus(most_detours, body)};
        report.interrupts();
        report.share_lost();
        report.per_second();
        report.percentile_99();
        report.longest();
        report.histogram();
    }
    if (options.only.empty() || options.only == "fwq") {
        const auto quanta = static_cast<size_t>(window_seconds * 1e6 / quantum_microseconds * 1.5);
        const Report report{options, "fwq", on_all_cpus(quanta, [&](Record& record) { fixed_work_quantum(record, window, quantum_ticks); })};
        report.share_lost();
        report.percentile_99();
        report.longest();
    }
    return eremite::bench::finish(options, 0);
}

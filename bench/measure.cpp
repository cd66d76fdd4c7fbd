#include "measure.hpp"

#include <sched.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace eremite::bench {

namespace {

double nanoseconds(const timespec& time) { return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec); }

double calibrate_tsc_mhz() {
    timespec start, now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &start);
    uint64_t start_ticks = ticks();
    do {
        clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    } while (nanoseconds(now) - nanoseconds(start) < 1e8);
    return static_cast<double>(ticks() - start_ticks) * 1000 / (nanoseconds(now) - nanoseconds(start));
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        std::string_view argument = argv[i];
        constexpr std::string_view tsc = "--tsc-mhz=", only = "--only=", directory = "--directory=", mount = "--mount=", rounds = "--rounds=";
        if (argument == "--count") {
            options.count = true;
        } else if (argument == "--init") {
            options.first_process = true;
        } else if (argument == "--quick") {
            options.quick = true;
        } else if (argument == "--calibrate") {
            options.calibrate = true;
        } else if (argument.starts_with(tsc)) {
            options.tsc_mhz = std::atof(argv[i] + tsc.size());
        } else if (argument.starts_with(rounds)) {
            options.rounds = static_cast<unsigned>(std::atoi(argv[i] + rounds.size()));
        } else if (argument.starts_with(only)) {
            options.only = argument.substr(only.size());
        } else if (argument.starts_with(directory)) {
            options.directory = argument.substr(directory.size());
        } else if (argument.starts_with(mount)) {
            options.mount = argument.substr(mount.size());
        } else {
            std::fprintf(stderr, "unknown argument: %s\n", argv[i]);
            std::exit(2);
        }
    }
    if (options.tsc_mhz <= 0) options.tsc_mhz = calibrate_tsc_mhz();
    return options;
}

void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

void stay_on(int cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail("sched_setaffinity");
}

int finish(const Options& options, int status) {
    std::puts(status == 0 ? "end" : "failed");
    std::fflush(stdout);
    if (options.first_process) {
        reboot(RB_AUTOBOOT);
        std::perror("reboot");
    }
    return status;
}

double median(std::vector<double> samples) {
    auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(samples.begin(), middle, samples.end());
    return *middle;
}

void print(const Options& options, const char* name, double ticks) {
    if (options.count) {
        std::printf("%s instructions %.1f\n", name, ticks);
    } else {
        std::printf("%s ns %.2f\n", name, ticks * 1000 / options.tsc_mhz);
    }
    std::fflush(stdout);
}

}  // namespace eremite::bench

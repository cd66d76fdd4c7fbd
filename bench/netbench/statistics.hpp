#pragma once
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace eremite::netbench {

inline void print(const std::string& name, const char* unit, double value) {
    std::printf("%s %s %.2f\n", name.c_str(), unit, value);
    std::fflush(stdout);
}

/// Prints mean and percentiles, in nanoseconds.
inline void print_latency(const std::string& name, std::vector<double> samples) {
    if (samples.empty()) return;
    std::sort(samples.begin(), samples.end());
    double sum = 0;
    for (const double sample : samples) sum += sample;
    const auto percentile = [&](double share) {
        return samples[std::min(samples.size() - 1, static_cast<size_t>(static_cast<double>(samples.size()) * share))];
    };
    print(name + "_mean", "ns", sum / static_cast<double>(samples.size()));
    print(name + "_p50", "ns", percentile(0.5));
    print(name + "_p99", "ns", percentile(0.99));
    print(name + "_p99.9", "ns", percentile(0.999));
}

}  // namespace eremite::netbench

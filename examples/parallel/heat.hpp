#pragma once
// Heat in a square plate whose edges are kept at 0 degrees: Jacobi's method on a grid. In each step every inner point becomes the
// mean of its four neighbours; the step's reduction is the largest change of any point. The plate starts as one hill,
// 100 sin(pi x) sin(pi y), which keeps its shape: after k steps its top has 100 cos(pi / n)^k degrees, so the result can be checked.
//
// Whatever the number of threads, and however they share the rows, the result is the same to the last bit: a point depends on the
// previous step alone, and a maximum does not depend on the order in which it is taken.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace heat {

struct Options {
    int threads = std::max(1u, std::thread::hardware_concurrency());
    int size = 512;  // intervals along an edge
    int steps = 200;
    int repeat = 1;
};

inline Options parse_options(int argc, char** argv) {
    Options options;
    const std::pair<std::string_view, int*> numbers[] = {
        {"--threads", &options.threads}, {"--size", &options.size}, {"--steps", &options.steps}, {"--repeat", &options.repeat}};
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--help") {
            std::printf("Heat in a square plate, computed by several threads.\n"
                        "  --threads N  threads that compute (default: one for each CPU)\n"
                        "  --size N     the plate has N x N squares, at least 2 (default 512)\n"
                        "  --steps N    steps of Jacobi's method (default 200)\n"
                        "  --repeat N   compute N times; the times go to standard error (default 1)\n");
            std::exit(0);
        }
        const auto* number = std::ranges::find(numbers, argument, &std::pair<std::string_view, int*>::first);
        if (number == std::end(numbers) || i + 1 == argc || (*number->second = std::atoi(argv[++i])) < 1 || options.size < 2) {
            std::fprintf(stderr, "%s: not understood; see --help\n", argv[i]);
            std::exit(2);
        }
    }
    return options;
}

// The C library chooses its sine by the CPU, and its last bit may differ from one machine to the next: so, the series.
inline double sine(double x) {
    double term = x, sum = x;
    for (int i = 1; i < 16; ++i) {
        term *= -x * x / (2 * i * (2 * i + 1));
        sum += term;
    }
    return sum;
}

constexpr double pi = 3.14159265358979323846;

class Plate {
public:
    explicit Plate(int size) : size_{size}, points_(static_cast<size_t>(size + 1) * (size + 1)), next_(points_.size()) {
        std::vector<double> wave(size + 1);
        // The two halves are mirror images.
        for (int i = 0; i <= size; ++i) wave[i] = sine(pi * std::min(i, size - i) / size);
        for (int row = 1; row < size; ++row)
            for (int column = 1; column < size; ++column) points_[index(row, column)] = 100 * wave[row] * wave[column];
    }

    int size() const { return size_; }
    /// Rows 1 to size() - 1 are computed; the others are edges.
    int first_row() const { return 1; }
    int end_row() const { return size_; }

    /// The next step's values of one row. Returns the largest change in it.
    double compute_row(int row) {
        const double* const above = &points_[index(row - 1, 0)];
        const double* const here = &points_[index(row, 0)];
        const double* const below = &points_[index(row + 1, 0)];
        double* const to = &next_[index(row, 0)];
        double change = 0;
        for (int column = 1; column < size_; ++column) {
            to[column] = 0.25 * ((above[column] + below[column]) + (here[column - 1] + here[column + 1]));
            change = std::max(change, std::abs(to[column] - here[column]));
        }
        return change;
    }

    double compute_rows(int from, int end) {
        double change = 0;
        for (int row = from; row < end; ++row) change = std::max(change, compute_row(row));
        return change;
    }

    /// Ends a step, when all rows are computed.
    void finish_step() { points_.swap(next_); }

    double top() const { return points_[index(size_ / 2, size_ / 2)]; }

    double sum() const {
        double sum = 0;
        for (double point : points_) sum += point;
        return sum;
    }

    /// Of all bits of all points.
    uint64_t checksum() const {
        uint64_t hash = 0;
        for (double point : points_) hash = std::rotl(hash, 1) ^ std::bit_cast<uint64_t>(point);
        return hash;
    }

private:
    size_t index(int row, int column) const { return static_cast<size_t>(row) * (size_ + 1) + column; }

    int size_;
    std::vector<double> points_, next_;
};

inline void print(const Options& options, const Plate& plate, double change) {
    double top = 100 * (options.size % 2 == 0 ? 1 : sine(pi * (options.size / 2) / options.size) * sine(pi * (options.size / 2) / options.size));
    // cos(a) = 1 - 2 sin(a / 2)^2
    const double half = sine(pi / options.size / 2);
    for (int step = 0; step < options.steps; ++step) top *= 1 - 2 * half * half;
    std::printf("plate: %d x %d squares, %d steps\n", options.size, options.size, options.steps);
    std::printf("largest change in the last step: %.12e\n", change);
    std::printf("temperature in the middle: %.9f, by theory: %.9f\n", plate.top(), top);
    std::printf("sum: %.9f, checksum: %016llX\n", plate.sum(), static_cast<unsigned long long>(plate.checksum()));
}

/// The whole program: `compute(plate, steps, threads)` does the steps and returns the largest change in the last one.
template <class Compute>
int run(int argc, char** argv, Compute compute) {
    const Options options = parse_options(argc, argv);
    for (int i = 0; i < options.repeat; ++i) {
        Plate plate{options.size};
        const auto start = std::chrono::steady_clock::now();
        const double change = compute(plate, options.steps, options.threads);
        const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
        if (i == 0) print(options, plate, change);
        std::fprintf(stderr, "time ms %.3f\n", time.count());
    }
    return 0;
}

}  // namespace heat

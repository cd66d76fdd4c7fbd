// Work that needs no kernel: floating point, integer arithmetic, memory. It shows what the world around the program costs a program
// that asks nothing of it (page tables, timer interrupts, the monitor). One line per kernel: `name unit value`, per run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "measure.hpp"

namespace {

// Buffers outlive a run, so that only the warm-up pays for fresh memory.
struct Matrices {
    explicit Matrices(size_t size) : size(size), left(size * size), right(size * size), product(size * size) {}

    size_t size;
    std::vector<double> left, right, product;
};

// Results go here, so that the compiler cannot drop the work.
volatile double sink;

void matrix_multiplication(Matrices& matrices) {
    auto& [size, left, right, product] = matrices;
    for (size_t i = 0; i < size * size; ++i) {
        left[i] = static_cast<double>(i % 7);
        right[i] = static_cast<double>(i % 11);
        product[i] = 0;
    }
    for (size_t row = 0; row < size; ++row) {
        for (size_t inner = 0; inner < size; ++inner) {
            double factor = left[row * size + inner];
            for (size_t column = 0; column < size; ++column) {
                product[row * size + column] += factor * right[inner * size + column];
            }
        }
    }
    sink = product[size + 1];
}

void mandelbrot(int size) {
    int inside = 0;
    for (int y = 0; y < size; ++y) {
        for (int x = 0; x < size; ++x) {
            double real = 3.0 * x / size - 2, imaginary = 2.0 * y / size - 1;
            double a = 0, b = 0;
            int iteration = 0;
            for (; iteration < 100 && a * a + b * b < 4; ++iteration) {
                double next = a * a - b * b + real;
                b = 2 * a * b + imaginary;
                a = next;
            }
            inside += iteration == 100;
        }
    }
    sink = inside;
}

// The Leibniz series: divisions, one after the other.
void pi(int terms) {
    double sum = 0, sign = 1;
    for (int i = 0; i < terms; ++i) {
        sum += sign / (2 * i + 1);
        sign = -sign;
    }
    sink = 4 * sum;
}

void sort(std::vector<uint32_t>& values) {
    uint32_t state = 12345;
    for (uint32_t& value : values) value = state = state * 1664525 + 1013904223;
    std::sort(values.begin(), values.end());
    sink = values[values.size() / 2];
}

template <class Kernel>
void run(const eremite::bench::Options& options, const char* name, Kernel kernel) {
    if (!options.only.empty() && options.only != name) return;
    kernel();
    std::vector<double> samples;
    for (int i = 0; i < (options.quick ? 3 : 9); ++i) {
        uint64_t start = eremite::bench::ticks();
        kernel();
        samples.push_back(static_cast<double>(eremite::bench::ticks() - start));
    }
    print(options, name, eremite::bench::median(samples));
}

}  // namespace

int main(int argc, char** argv) {
    eremite::bench::Options options = eremite::bench::parse_options(argc, argv);
    Matrices matrices(256);
    std::vector<uint32_t> values(300000);
    run(options, "matrix_multiplication", [&] { matrix_multiplication(matrices); });
    run(options, "mandelbrot", [] { mandelbrot(200); });
    run(options, "pi", [] { pi(4000000); });
    run(options, "sort", [&] { sort(values); });
    return eremite::bench::finish(options, 0);
}

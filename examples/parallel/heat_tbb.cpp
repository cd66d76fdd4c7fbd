// Heat in a plate with the standard library's parallel algorithms, which run on TBB: a step is one std::transform_reduce.
#include <execution>
#include <numeric>

#include <tbb/global_control.h>

#include "heat.hpp"

namespace {

double compute(heat::Plate& plate, int steps, int count) {
    const tbb::global_control threads{tbb::global_control::max_allowed_parallelism, static_cast<size_t>(count)};
    std::vector<int> rows(plate.end_row() - plate.first_row());
    std::iota(rows.begin(), rows.end(), plate.first_row());
    const auto larger = [](double a, double b) { return std::max(a, b); };
    double change = 0;
    for (int step = 0; step < steps; ++step) {
        change = std::transform_reduce(std::execution::par, rows.begin(), rows.end(), 0.0, larger, [&](int row) { return plate.compute_row(row); });
        plate.finish_step();
    }
    return change;
}

}  // namespace

int main(int argc, char** argv) { return heat::run(argc, argv, compute); }

// Heat in a plate with OpenMP: one parallel loop a step, which is also the reduction.
#include "heat.hpp"

namespace {

double compute(heat::Plate& plate, int steps, int count) {
    double change = 0;
    for (int step = 0; step < steps; ++step) {
        change = 0;
#pragma omp parallel for schedule(static) num_threads(count) reduction(max : change)
        for (int row = plate.first_row(); row < plate.end_row(); ++row) change = std::max(change, plate.compute_row(row));
        plate.finish_step();
    }
    return change;
}

}  // namespace

int main(int argc, char** argv) { return heat::run(argc, argv, compute); }

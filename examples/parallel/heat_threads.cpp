// Heat in a plate with std::thread: each thread computes a band of rows; a barrier ends the step.
#include <atomic>
#include <barrier>

#include "heat.hpp"

namespace {

double compute(heat::Plate& plate, int steps, int count) {
    std::vector<double> changes(count);
    std::barrier step_done{count, [&plate]() noexcept { plate.finish_step(); }};
    const auto band = [&](int number) {
        const auto border = [&](int i) { return plate.first_row() + static_cast<int>(static_cast<long>(plate.end_row() - plate.first_row()) * i / count); };
        for (int step = 0; step < steps; ++step) {
            changes[number] = plate.compute_rows(border(number), border(number + 1));
            step_done.arrive_and_wait();
        }
    };
    std::vector<std::thread> threads;
    for (int i = 1; i < count; ++i) threads.emplace_back(band, i);
    band(0);
    for (auto& thread : threads) thread.join();
    return *std::ranges::max_element(changes);
}

}  // namespace

int main(int argc, char** argv) { return heat::run(argc, argv, compute); }

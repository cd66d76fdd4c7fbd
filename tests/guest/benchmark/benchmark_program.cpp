// A Google Benchmark binary: plain, with arguments, with a fixture, with counters, with manual time, and one that fails.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

void sort(benchmark::State& state) {
    std::mt19937 random{1};
    std::vector<unsigned> numbers(static_cast<size_t>(state.range(0)));
    for (auto _ : state) {
        state.PauseTiming();
        std::generate(numbers.begin(), numbers.end(), random);
        state.ResumeTiming();
        std::sort(numbers.begin(), numbers.end());
        benchmark::DoNotOptimize(numbers.data());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.SetComplexityN(state.range(0));
}
BENCHMARK(sort)->RangeMultiplier(4)->Range(64, 1024)->Complexity(benchmark::oNLogN);

void copy(benchmark::State& state) {
    const std::vector<char> from(static_cast<size_t>(state.range(0)), 'x');
    std::vector<char> to(from.size());
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), from.size());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(copy)->Arg(4096)->Arg(1 << 20);

class MapFixture : public benchmark::Fixture {
protected:
    void SetUp(benchmark::State&) override {
        for (int i = 0; i < 1000; ++i) map_[i * 7 % 1000] = i;
    }
    void TearDown(benchmark::State&) override { map_.clear(); }
    std::map<int, int> map_;
};
BENCHMARK_F(MapFixture, look_up)(benchmark::State& state) {
    int key = 0, sum = 0;
    for (auto _ : state) benchmark::DoNotOptimize(sum += map_.at(key = (key + 37) % 1000));
    state.counters["entries"] = static_cast<double>(map_.size());
}

void manual_time(benchmark::State& state) {
    for (auto _ : state) state.SetIterationTime(0.001);
}
BENCHMARK(manual_time)->UseManualTime()->Iterations(10);

void repeated(benchmark::State& state) {
    std::string text;
    for (auto _ : state) benchmark::DoNotOptimize(text = std::to_string(state.iterations()));
}
BENCHMARK(repeated)->Repetitions(3)->ReportAggregatesOnly()->Iterations(1000);

void failing(benchmark::State& state) {
    state.SkipWithError("as asked");
    for (auto _ : state) {
    }
}
BENCHMARK(failing);

}  // namespace

BENCHMARK_MAIN();

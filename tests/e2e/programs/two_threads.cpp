// Two threads that take turns, and a number that both change, for a debugger to watch.
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

int turns = 0;  // NOLINT: by name, for the debugger

namespace {

std::mutex lock;
std::condition_variable changed;

[[gnu::noinline]] void take_turn(int who) {
    std::unique_lock guard{lock};
    changed.wait(guard, [who] { return turns % 2 == who; });
    ++turns;
    changed.notify_all();
}

void run(int who) {
    for (int i = 0; i < 3; ++i) take_turn(who);
}

}  // namespace

int main() {
    std::thread other{run, 1};
    run(0);
    other.join();
    std::cout << turns << " turns\n";
}

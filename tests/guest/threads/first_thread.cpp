// The first thread is taken off its CPU like any other, though it has never waited for anything.
#include <atomic>
#include <cstdio>
#include <thread>

int main() {
    std::atomic<bool> ran{false};
    std::thread second{[&ran] { ran = true; }};
    while (!ran) {
    }
    second.join();
    std::puts("passed");
}

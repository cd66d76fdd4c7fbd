// Reads /dev/hwrng in threads, each on a CPU of its own, and judges the bytes. Or, with the argument `interrupted`: a signal ends a
// read that waits. The device is to be slow then.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t bytes_of_a_thread = 64 << 10;
std::atomic<int> failures{0};

void fail(const char* what) {
    std::printf("%s: %s\n", what, std::strerror(errno));
    ++failures;
}

std::vector<unsigned char> read_much(int fd, unsigned seed) {
    std::vector<unsigned char> all(bytes_of_a_thread);
    for (size_t done = 0; done < all.size();) {
        const size_t piece = std::min<size_t>(1 + (seed = seed * 1664525 + 1013904223) % 3000, all.size() - done);
        const ssize_t count = read(fd, all.data() + done, piece);
        if (count <= 0 || static_cast<size_t>(count) > piece) {
            fail("read");
            return {};
        }
        done += static_cast<size_t>(count);
    }
    return all;
}

void judge(const std::vector<unsigned char>& all) {
    size_t ones = 0;
    std::set<std::array<unsigned char, 16>> blocks;
    for (size_t i = 0; i + 16 <= all.size(); i += 16) {
        std::array<unsigned char, 16> block;
        std::memcpy(block.data(), all.data() + i, 16);
        if (!blocks.insert(block).second) fail("a block came twice");
        for (const unsigned char byte : block) ones += std::popcount(byte);
    }
    // Ten standard deviations around the half.
    const double half = all.size() * 4.0, deviation = all.size() * 8 / 2.0 / 362;
    if (ones < half - 10 * deviation || ones > half + 10 * deviation) fail("too many bits are alike");
}

void work(unsigned cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
    const int fd = open("/dev/hwrng", O_RDONLY);
    if (fd < 0) return fail("open");
    judge(read_much(fd, cpu));
    close(fd);
}

// A read that does not wait asks the device, and a later one has the answer.
void read_without_waiting() {
    const int fd = open("/dev/hwrng", O_RDONLY | O_NONBLOCK);
    if (fd < 0) return fail("open");
    unsigned char byte;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    ssize_t count;
    while ((count = read(fd, &byte, 1)) < 0 && errno == EAGAIN && std::chrono::steady_clock::now() < end) sched_yield();
    if (count != 1) fail("read without waiting");
    close(fd);
}

int interrupted() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, nullptr);
    const int fd = open("/dev/hwrng", O_RDONLY);
    if (fd < 0) return 1;
    unsigned char bytes[65536];
    // Several times, so that there are more requests than the driver has room for if it forgets those given up.
    for (int i = 0; i < 12; ++i) {
        const itimerval soon{{}, {0, 20000}};
        setitimer(ITIMER_REAL, &soon, nullptr);
        const ssize_t count = read(fd, bytes, sizeof bytes);
        if (count == static_cast<ssize_t>(sizeof bytes)) return 2;
        if (count < 0 && errno != EINTR) return 3;
    }
    std::puts("interrupted");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string{argv[1]} == "interrupted") return interrupted();
    // The last CPU comes first: the device interrupts the one that used it first.
    const unsigned cpus = std::thread::hardware_concurrency();
    work(cpus - 1);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i % cpus);
    for (std::thread& thread : threads) thread.join();
    read_without_waiting();
    std::printf("%d failures\n", failures.load());
    return failures == 0 ? 0 : 1;
}

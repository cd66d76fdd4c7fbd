// membarrier(2): registration, errors, and the asymmetric fence that it is made for (Dekker's entry, one side without a fence).
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <thread>

namespace {

void call(const char* name, int command, unsigned flags = 0) {
    const long result = syscall(SYS_membarrier, command, flags);
    std::printf("%s: %ld %d\n", name, result, result < 0 ? errno : 0);
}

std::atomic<int> fast_flag, slow_flag;
std::atomic<bool> stop;
std::atomic<long> inside, broken;

void fast_side() {
    while (!stop) {
        fast_flag.store(1, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (slow_flag.load(std::memory_order_relaxed) == 0) {
            if (++inside != 1) ++broken;
            --inside;
        }
        std::atomic_signal_fence(std::memory_order_seq_cst);
        fast_flag.store(0, std::memory_order_release);
    }
}

}  // namespace

int main() {
    call("unregistered", MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    call("register", MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    call("registered", MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    call("flags", MEMBARRIER_CMD_PRIVATE_EXPEDITED, 99);
    call("unknown", 1 << 30);
    std::thread other{fast_side};
    for (int i = 0; i < 200; ++i) {
        slow_flag = 1;
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
        if (fast_flag.load(std::memory_order_acquire) == 0) {
            if (++inside != 1) ++broken;
            --inside;
        }
        slow_flag = 0;
    }
    stop = true;
    other.join();
    std::printf("broken %ld\n", broken.load());
}

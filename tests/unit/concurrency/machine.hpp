#pragma once
// A machine for the scheduler: each CPU is a thread of the host, each thread a fiber. It implements what libos/arch and
// libos/platform promise to generic code.
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/time.hpp"

namespace eremite::arch {

// What a thread of the program begins with: here it is a function.
struct TrapFrame {
    std::function<void()> body;
};

}  // namespace eremite::arch

namespace eremite::test {

inline constexpr unsigned cpu_count = 4;

// Once for the program: the caller becomes the main thread, which stays on the first CPU.
void start_machine();

// The edge of the kernel: handles interrupts that came, and lets another thread run if it is due. A thread that is at work in
// the program calls this often.
void leave_kernel();

// Ends the test program unless `condition` holds.
void check(bool condition, std::string_view what);
// Something was achieved: a machine where nothing is for a long time has lost a wake-up.
void progress();

// Fibers that exist, those of idle threads included.
[[nodiscard]] uint32_t fiber_count();
// What the host's clock says, for tests that take some time.
[[nodiscard]] Instant now();

}  // namespace eremite::test

#pragma once
// The CPUs of the machine. They are numbered from 0, the one that boots; sets of them are bit masks.
#include <atomic>
#include <cstdint>

#include "abi/cpu_block_offsets.h"
#include "libos/arch/kernel_stack.hpp"

namespace eremite::arch {

inline constexpr unsigned max_cpus = EREMITE_MAX_CPUS;

// The CPU that runs this. Changes wherever the thread may be switched.
#ifdef EREMITE_KERNEL
[[nodiscard]] inline unsigned cpu_index() {
    unsigned index;
    // SAFETY: GS base is the CPU block. Volatile: another CPU may go on with the thread.
    asm volatile("movl %%gs:%c1, %0" : "=r"(index) : "i"(CPU_INDEX));
    return index;
}
#else
[[nodiscard]] unsigned cpu_index();
#endif

[[nodiscard]] uint64_t online_cpus();
[[nodiscard]] uint32_t cpu_count();
[[nodiscard]] inline bool many_cpus() { return online_cpus() != 1; }

// What the platform's tables call the CPU that runs this.
[[nodiscard]] uint32_t hardware_id();
// The same of any CPU that is online.
[[nodiscard]] uint32_t hardware_id_of(unsigned cpu);

// Lets CPU `index` begin with run_cpu() on `stack`; it is in the mask of online CPUs from then on. `hardware_id`: as the
// platform's tables have it. One at a time: false while another one is expected.
[[nodiscard]] bool start_cpu(unsigned index, uint32_t hardware_id, const KernelStack& stack);
// Stops expecting the CPU that was started last. False: it came.
[[nodiscard]] bool cancel_cpu();
// Makes another CPU call attention_interrupt().
void interrupt_cpu(unsigned index);

struct CpuCounts {
    uint64_t interrupts;
    uint64_t faults;  // of pages
    uint64_t syscalls;
    uint64_t syscalls_trapped;
};
[[nodiscard]] CpuCounts cpu_counts(unsigned index);

// Implemented by libos/sched.
[[noreturn]] void run_cpu();
void attention_interrupt();

}  // namespace eremite::arch

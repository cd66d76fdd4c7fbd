#pragma once
// The library OS's side of the supervisor calls. Each costs a trap.
#include <cstdint>

#include "abi/boot_info.hpp"
#include "abi/supervisor_call.hpp"
#include "base/address.hpp"

namespace eremite::arch {

// Waits until an interrupt is pending, then handles it.
void wait_for_interrupt();
[[nodiscard]] bool interrupt_is_pending();
// Handles pending interrupts. Requires: virtual interrupt flag clear.
void handle_interrupts();

// One-shot timer interrupt: TSC value or LAPIC ticks (abi::TimerMode); 0 disarms.
void arm_timer(uint64_t count);
void load_page_table(PhysicalAddress root);

// `width`: 1, 2 or 4 bytes.
[[nodiscard]] uint32_t port_in(uint16_t port, unsigned width);
void port_out(uint16_t port, unsigned width, uint32_t value);
// `bytes` must be mapped memory of the library OS.
void port_out_string(uint16_t port, const void* bytes, uint64_t count);

// Of the listed MSRs only; ~0 / nothing otherwise.
[[nodiscard]] uint64_t read_msr(uint32_t index);
void write_msr(uint32_t index, uint64_t value);

// Ends the machine; the exit status's low 7 bits reach QEMU's isa-debug-exit.
[[noreturn]] void power_off(int status);

// Tries where `syscall` lands and tells the supervisor. Returns what it found.
abi::SyscallMode install_syscall_entry();

}  // namespace eremite::arch

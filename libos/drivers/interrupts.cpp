#include "libos/drivers/interrupts.hpp"

#include <array>
#include <atomic>
#include <new>

#include "libos/arch/cpu.hpp"
#include "libos/arch/interrupts.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/trap.hpp"
#include "libos/log/log.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

struct Handlers {
    std::array<std::atomic<const Interrupt*>, arch::device_vector_count> of_vector{};
    std::atomic<const Interrupt*> running{nullptr};
};

// For each CPU that has some; they stay.
constinit std::atomic<Handlers*> handlers[arch::max_cpus]{};
constinit sync::Spinlock lock{sync::Rank::Interrupts};

}  // namespace

Result<unsigned> connect_interrupt(unsigned cpu, const Interrupt& interrupt) {
    const sync::Guard guard{lock};
    Handlers* row = handlers[cpu].load(std::memory_order_relaxed);
    if (!row) {
        row = new (std::nothrow) Handlers{};
        if (!row) return Error{ENOMEM};
        handlers[cpu].store(row, std::memory_order_release);
    }
    for (unsigned i = 0; i < arch::device_vector_count; ++i) {
        if (row->of_vector[i].load(std::memory_order_relaxed)) continue;
        row->of_vector[i].store(&interrupt, std::memory_order_release);
        return arch::first_device_vector + i;
    }
    return Error{ENOSPC};
}

void disconnect_interrupt(unsigned cpu, unsigned vector) {
    Handlers& row = *handlers[cpu].load(std::memory_order_acquire);
    const Interrupt* const interrupt = row.of_vector[vector - arch::first_device_vector].exchange(nullptr);
    while (cpu != arch::cpu_index() && row.running.load() == interrupt) arch::relax();
}

}  // namespace eremite::drivers

namespace eremite::arch {

void device_interrupt(unsigned vector) {
    drivers::Handlers* const row = drivers::handlers[cpu_index()].load(std::memory_order_acquire);
    const unsigned index = vector - first_device_vector;
    if (!row || index >= device_vector_count) return log::debug("an interrupt that nobody waits for: vector {}", vector);
    // Whoever disconnects it looks at `running` after it took the handler away: one of the two sees the other.
    const drivers::Interrupt* const interrupt = row->of_vector[index].load();
    row->running.store(interrupt);
    if (interrupt && row->of_vector[index].load() == interrupt) interrupt->function(interrupt->context);
    row->running.store(nullptr);
}

}  // namespace eremite::arch

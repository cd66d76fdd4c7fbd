#include "libos/drivers/interrupts.hpp"

#include <array>
#include <atomic>
#include <new>

#include "libos/arch/interrupts.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/trap.hpp"
#include "libos/log/log.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

using Handlers = std::array<std::atomic<const Interrupt*>, arch::device_vector_count>;

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
    for (unsigned i = 0; i < row->size(); ++i) {
        if ((*row)[i].load(std::memory_order_relaxed)) continue;
        (*row)[i].store(&interrupt, std::memory_order_release);
        return arch::first_device_vector + i;
    }
    return Error{ENOSPC};
}

void disconnect_interrupt(unsigned cpu, unsigned vector) {
    (*handlers[cpu].load(std::memory_order_relaxed))[vector - arch::first_device_vector].store(nullptr, std::memory_order_release);
}

}  // namespace eremite::drivers

namespace eremite::arch {

void device_interrupt(unsigned vector) {
    const drivers::Handlers* const row = drivers::handlers[cpu_index()].load(std::memory_order_acquire);
    const unsigned index = vector - first_device_vector;
    const drivers::Interrupt* const interrupt = row && index < row->size() ? (*row)[index].load(std::memory_order_acquire) : nullptr;
    if (interrupt) interrupt->function(interrupt->context);
    else log::debug("an interrupt that nobody waits for: vector {}", vector);
}

}  // namespace eremite::arch

#include "libos/sched/awaited_memory.hpp"

#include <utility>

#include "libos/sched/scheduler.hpp"

namespace eremite::sched {

void remember_memory(VirtualAddress address, mm::Access access) {
    Thread& thread = current_thread();
    thread.awaited_memory = address;
    thread.awaits_writing = access == mm::Access::Write;
}

bool await_memory() {
    Thread& thread = current_thread();
    const VirtualAddress address = std::exchange(thread.awaited_memory, {});
    if (address.value == 0) return false;
    return mm::kernel_address_space().fault(address, thread.awaits_writing ? mm::Access::Write : mm::Access::Read, true).ok();
}

}  // namespace eremite::sched

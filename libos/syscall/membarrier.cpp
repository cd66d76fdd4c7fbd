// membarrier(2): a memory barrier on every CPU that runs a thread of the program.
#include <linux/membarrier.h>

#include <atomic>

#include "libos/arch/tlb.hpp"
#include "libos/syscall/scheduling.hpp"

namespace eremite::syscall {

namespace {

constexpr int all_commands = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
                             MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
                             MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;

// What the program registered for.
constinit std::atomic<int> registered{0};

// Every other CPU takes an interrupt for it, which also serializes its instructions; one that sleeps runs no thread.
Result<long> barrier_everywhere() {
    arch::flush_page(VirtualAddress{});
    return 0L;
}

}  // namespace

Result<long> sys_membarrier(int command, unsigned flags) {
    if (flags != 0) return Error{EINVAL};
    switch (command) {
    case MEMBARRIER_CMD_QUERY: return static_cast<long>(all_commands);
    case MEMBARRIER_CMD_GLOBAL:
    case MEMBARRIER_CMD_GLOBAL_EXPEDITED: return barrier_everywhere();
    case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: registered.fetch_or(command); return 0L;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
        if (!(registered.load() & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) return Error{EPERM};
        return barrier_everywhere();
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
        if (!(registered.load() & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)) return Error{EPERM};
        return barrier_everywhere();
    default: return Error{EINVAL};
    }
}

}  // namespace eremite::syscall

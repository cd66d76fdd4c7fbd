#include "libos/syscall/rseq.hpp"

#include <linux/rseq.h>

#include <cstddef>

#include "libos/arch/smp.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/sched/scheduler.hpp"

namespace eremite::syscall {

namespace {

Result<void> store_cpu_number(sched::Thread& thread) {
    const uint32_t cpu = arch::cpu_index();
    if (thread.rseq_cpu == cpu) return {};
    const uint32_t numbers[2] = {cpu, cpu};
    static_assert(offsetof(struct rseq, cpu_id_start) == 0 && offsetof(struct rseq, cpu_id) == 4);
    TRY(mm::copy_to_user(thread.rseq_area, numbers, sizeof numbers));
    thread.rseq_cpu = cpu;
    return {};
}

}  // namespace

Result<long> sys_rseq(VirtualAddress area, uint32_t size, int flags, uint32_t signature) {
    constexpr int unregister = 1;
    constexpr uint32_t smallest = 32;
    sched::Thread& thread = sched::current_thread();
    if (flags & ~unregister) return Error{EINVAL};
    if (flags & unregister) {
        if (thread.rseq_area.value == 0 || thread.rseq_area.value != area.value) return Error{EINVAL};
        if (thread.rseq_signature != signature) return Error{EPERM};
        thread.rseq_area = {};
        return 0L;
    }
    if (thread.rseq_area.value != 0) return Error{thread.rseq_area.value == area.value ? EBUSY : EINVAL};
    if (!is_aligned(area.value, smallest) || size < smallest) return Error{EINVAL};
    thread.rseq_signature = signature;
    thread.rseq_area = area;
    thread.rseq_cpu = ~0u;
    TRY(store_cpu_number(thread));
    return 0L;
}

Result<void> resume_rseq(uint64_t& instruction) {
    sched::Thread& thread = sched::current_thread();
    if (thread.rseq_area.value == 0) return {};
    TRY(store_cpu_number(thread));
    const mm::UserPtr<uint64_t> pointer{thread.rseq_area + offsetof(struct rseq, rseq_cs)};
    const uint64_t description = TRY(pointer.load());
    if (description == 0) return {};
    const struct rseq_cs section = TRY(mm::UserPtr<struct rseq_cs>{VirtualAddress{description}}.load());
    // Once it is left, or aborted, it does not count any more.
    TRY(pointer.store(0));
    if (instruction - section.start_ip >= section.post_commit_offset) return {};
    if (section.version != 0 || section.abort_ip - section.start_ip < section.post_commit_offset) return Error{EFAULT};
    const uint32_t signature = TRY(mm::UserPtr<uint32_t>{VirtualAddress{section.abort_ip - sizeof signature}}.load());
    if (signature != thread.rseq_signature) return Error{EFAULT};
    instruction = section.abort_ip;
    return {};
}

}  // namespace eremite::syscall

// Stale translations go from this CPU's TLB and from those of the others. These do it in the supervisor's interrupt handler,
// so that one that spins for a lock with its virtual interrupt flag clear answers all the same. One that sleeps is left
// alone: it looks by itself when it wakes up.
#include "libos/arch/tlb.hpp"

#include <algorithm>

#include "libos/arch/cpu.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/arch/x86_64/supervisor_call.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::arch {

namespace {

// One request at a time: it stands in the blocks of the CPUs that are asked.
constinit sync::Spinlock shootdown_lock{sync::Rank::Shootdown};

template <typename Visitor>
void for_each_cpu(uint64_t mask, Visitor&& visit) {
    for (; mask != 0; mask &= mask - 1) visit(eremite_cpu_blocks[__builtin_ctzll(mask)]);
}

void flush(uint64_t start, uint64_t pages) {
    const uint64_t all = online_cpus(), others = all & ~(uint64_t{1} << cpu_index());
    if (others == 0) {
        call(Call::FlushPages, start, pages);
        return;
    }
    const sync::Guard guard{shootdown_lock};
    uint64_t awake = 0;
    for_each_cpu(others, [&](abi::CpuBlock& cpu) {
        cpu.flush_start = start;
        cpu.flush_pages = pages;
        // A full barrier: the CPU is seen awake, or sees the wish when it wakes up.
        __atomic_fetch_add(&cpu.flush_wanted, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&cpu.halted, __ATOMIC_SEQ_CST)) awake |= uint64_t{1} << cpu.index;
    });
    call(Call::FlushPages, start, pages, awake);
    for_each_cpu(awake, [](abi::CpuBlock& cpu) {
        while (__atomic_load_n(&cpu.flush_done, __ATOMIC_ACQUIRE) != cpu.flush_wanted) __builtin_ia32_pause();
    });
}

}  // namespace

void flush_page(VirtualAddress address) { flush(address.value, 1); }
void flush_range(VirtualRange range) { flush(range.start.value, (range.size() + page_size - 1) / page_size); }
void flush_all() { flush(0, 0); }
void flush_page_here(VirtualAddress address) { call(Call::FlushPages, address.value, 1); }


bool exceeds_tlb(uint64_t pages) { return pages > this_cpu().tlb_reach; }

// QEMU, accel/tcg/cputlb.c: 256 entries at first; twice as many at the next flush when 70 % of them are in use.
void extend_tlb(uint64_t pages, VirtualRange readable) {
    constexpr uint64_t first_size = 256;
    uint64_t& reach = this_cpu().tlb_reach;
    if (reach == 0) reach = emulated() ? first_size : UINT64_MAX;
    while (reach < pages) {
        const uint64_t touched = std::min(reach / 4 * 3, readable.size() / page_size);
        // SAFETY: the caller vouches for the range.
        for (uint64_t i = 0; i < touched; ++i) (void)*VirtualAddress{readable.start.value + i * page_size}.as<volatile uint8_t>();
        call(Call::FlushPages, 0, 0);
        reach *= 2;
    }
}

}  // namespace eremite::arch

#include "libos/sched/kernel_stacks.hpp"

#include "libos/mm/address_space.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::sched {

namespace {

// Above the direct map, far from everything else.
constexpr uint64_t area = 0x4800'0000'0000;
constexpr unsigned order = 2;
constexpr uint64_t stack_size = page_size << order, slot_size = 2 * stack_size;

constinit sync::Spinlock lock{sync::Rank::KernelStacks};
// A free stack holds the next one's address in its lowest word.
constinit uint64_t free_stacks = 0;
constinit uint64_t slots_used = 0;

arch::KernelStack stack_at(VirtualAddress memory) { return {{memory - stack_size, memory}, {memory, memory + stack_size}}; }

}  // namespace

Result<arch::KernelStack> allocate_kernel_stack() {
    uint64_t slot;
    {
        const sync::Guard guard{lock};
        if (free_stacks != 0) {
            const VirtualAddress memory{free_stacks};
            free_stacks = *memory.as<uint64_t>();
            return stack_at(memory);
        }
        slot = slots_used++;
    }
    const VirtualAddress memory{area + slot * slot_size + stack_size};
    const PhysicalAddress frames = TRY(mm::page_allocator().allocate(order));
    const auto mapped = mm::kernel_address_space().add_kernel({memory, memory + stack_size}, frames, mm::protection::read_write, false, false,
                                                                      "[kernel stack]");
    if (!mapped.ok()) {
        mm::page_allocator().free(frames, order);
        return mapped.error();
    }
    return stack_at(memory);
}

void free_kernel_stack(const arch::KernelStack& stack) {
    const sync::Guard guard{lock};
    *stack.memory.start.as<uint64_t>() = free_stacks;
    free_stacks = stack.memory.start.value;
}

}  // namespace eremite::sched

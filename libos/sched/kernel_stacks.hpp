#pragma once
// Kernel stacks of threads: each with an unmapped guard below. Stacks of threads that ended are used again.
#include "base/result.hpp"
#include "libos/arch/kernel_stack.hpp"

namespace eremite::sched {

// ENOMEM
[[nodiscard]] Result<arch::KernelStack> allocate_kernel_stack();
void free_kernel_stack(const arch::KernelStack& stack);

}  // namespace eremite::sched

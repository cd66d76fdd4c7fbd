#pragma once
// The stacks that system calls and traps run on.
#include "base/address.hpp"

namespace eremite::arch {

struct KernelStack {
    VirtualRange guard;
    VirtualRange memory;
};
// The main thread's kernel stack, which is the boot stack before.
[[nodiscard]] KernelStack main_kernel_stack();

}  // namespace eremite::arch

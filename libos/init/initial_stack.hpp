#pragma once
// The stack on which a Linux program starts: argc, argv, envp, auxiliary vector (x86-64 psABI 3.4.1, getauxval(3)).
#include "libos/init/kernel_arguments.hpp"
#include "libos/init/program.hpp"

namespace eremite::init {

// Makes the main stack and lays it out. Returns the initial stack pointer. E2BIG: arguments and environment take more than
// a quarter of the stack; ENOMEM.
[[nodiscard]] Result<VirtualAddress> make_initial_stack(mm::AddressSpace& space, const Program& program, const KernelArguments& arguments);

}  // namespace eremite::init

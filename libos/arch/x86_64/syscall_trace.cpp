// Where system calls are traced, their dispatch (entry.S) takes another way. A jump written into the code decides that, so that
// nothing is asked when they are not.
#include <cstring>

#include "libos/arch/syscall.hpp"
#include "libos/arch/x86_64/patch/encode.hpp"
#include "libos/process/process.hpp"

extern "C" {
extern const char eremite_dispatch[], eremite_traced_dispatch[];

// What call_keeping_registers (entry.S) leaves on the stack, lowest address first.
struct SavedArguments {
    uint64_t padding, r9, r8, r10, rdx, rsi, rdi, rax;
};
void eremite_syscall_begins(const SavedArguments* saved) {
    eremite::arch::system_call_begins(saved->rax, {saved->rdi, saved->rsi, saved->rdx, saved->r10, saved->r8, saved->r9});
}
void eremite_syscall_ends(const SavedArguments* saved) {
    eremite::arch::system_call_ends(static_cast<int64_t>(saved->rax), {saved->rdi, saved->rsi, saved->rdx, saved->r10, saved->r8, saved->r9});
}
}

namespace eremite::arch {

Result<void> trace_system_calls() {
    const VirtualAddress from{static_cast<const void*>(eremite_dispatch)}, to{static_cast<const void*>(eremite_traced_dispatch)};
    const auto jump = patch::encode_near_jump(from, to);
    if (!jump) return Error{ERANGE};
    // Our text is not writable at its own address, nor need it lie in one page.
    for (size_t i = 0; i < jump->size(); ++i) {
        const auto mapping = process::current().address_space().query(from + i);
        if (!mapping) return Error{EFAULT};
        // SAFETY: the frame holds our text, which the direct map reaches. Nothing executes this yet, and on its way to the program
        // each CPU leaves the supervisor by iretq, which makes it fetch what stands there then (Intel SDM vol. 3A, 9.1.3).
        *direct_map(mapping->address).as<uint8_t>() = (*jump)[i];
    }
    return {};
}

}  // namespace eremite::arch

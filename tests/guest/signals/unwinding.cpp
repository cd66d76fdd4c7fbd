// A system call whose site was patched takes a few instructions to the kernel, and a signal may come at each of them: the stack can be
// unwound from there as from the site itself, which is what cancelling a thread takes (libos/arch/x86_64/patch/patched_calls.hpp).
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

extern "C" {
long call_system(long number, long a, long b, long c);
extern const char call_system_site[];
}
// Five instructions and the call, with room for a jump behind them.
asm(R"(
    .pushsection .text
    .p2align 4
    .globl call_system, call_system_site
    .type call_system, @function
call_system:
    .cfi_startproc
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    xor %r10d, %r10d
call_system_site:
    syscall
    ret
    .cfi_endproc
    .size call_system, . - call_system
    .p2align 4
    .popsection
)");

namespace {

constexpr size_t site_size = 2;
int storm;  // how many signals another thread sends
const auto call_start = reinterpret_cast<uint64_t>(call_system), site = reinterpret_cast<uint64_t>(call_system_site);

uint64_t place;  // where the thread is when the signal comes
bool stepping;
std::atomic<uint64_t> caller;  // the function that makes the calls
std::atomic<int> seen, unwound, shown_site;

_Unwind_Reason_Code look(_Unwind_Context* frame, void* found) {
    if (_Unwind_GetRegionStart(frame) == caller) *static_cast<bool*>(found) = true;
    return _URC_NO_REASON;
}

greg_t& reg(void* context, int number) { return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[number]; }

void unwind(int, siginfo_t*, void* context) {
    bool found = false;
    _Unwind_Backtrace(look, &found);
    ++seen;
    unwound += found;
    shown_site += static_cast<uint64_t>(reg(context, REG_RIP)) == site;
}

// The call that brought this signal is over. Lets the thread go on at `place` as if it were on its way into getppid(), with another
// signal that is pending and comes before the first instruction; or makes it step there from the function's start.
void divert(int, siginfo_t*, void* context) {
    reg(context, REG_RAX) = reg(context, REG_RDI) = SYS_getppid;
    reg(context, REG_RCX) = static_cast<greg_t>(site + site_size);
    reg(context, REG_RIP) = static_cast<greg_t>(stepping ? call_start : place);
    constexpr greg_t trap_flag = 0x100;
    if (stepping) reg(context, REG_EFL) |= trap_flag;
    else pthread_kill(pthread_self(), SIGUSR2);
}

[[gnu::noinline]] long raise_and_call() {
    caller = reinterpret_cast<uint64_t>(raise_and_call);
    const long result = call_system(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    asm volatile("");  // no tail call
    return result;
}

void install(int signal, void (*handler)(int, siginfo_t*, void*)) {
    struct sigaction action{};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(signal, &action, nullptr);
}

template <typename T>
T load(uint64_t at) {
    T value;
    std::memcpy(&value, reinterpret_cast<const void*>(at), sizeof value);
    return value;
}

// Each instruction from the site to the kernel, as patch/encode.hpp describes them.
std::vector<uint64_t> way() {
    if (load<uint8_t>(site) != 0xeb) {
        std::printf("the site is not patched\n");
        std::exit(1);
    }
    const uint64_t hole = site + 2 + static_cast<uint64_t>(load<int8_t>(site + 1));
    const uint64_t trampoline = hole + 5 + static_cast<uint64_t>(load<int32_t>(hole + 1));
    const bool is_near = load<uint8_t>(trampoline + 1) == 0x8d;  // lea, else movabs
    return {site, hole, trampoline, trampoline + (is_near ? 7 : 10)};
}

void reset() {
    caller = 0;
    seen = unwound = shown_site = 0;
}

// Sends a signal whenever the one before was seen.
void* send(void* target) {
    while (caller == 0) sched_yield();
    for (int i = 0; i < storm; ++i) {
        pthread_kill(*static_cast<pthread_t*>(target), SIGUSR2);
        while (seen <= i) sched_yield();
    }
    return nullptr;
}

[[gnu::noinline]] void call_until_over() {
    caller = reinterpret_cast<uint64_t>(call_until_over);
    while (seen < storm) call_system(SYS_getppid, 0, 0, 0);
}

}  // namespace

// Argument: how many signals another thread sends; they come on their own only where that has a CPU of its own.
int main(int count, char** arguments) {
    for (int i = 0; i < 100; ++i) call_system(SYS_getppid, 0, 0, 0);
    install(SIGUSR1, divert);
    install(SIGUSR2, unwind);
    install(SIGTRAP, unwind);
    int answered = 0;
    const std::vector<uint64_t> places = way();
    for (const uint64_t p : places) {
        place = p;
        answered += raise_and_call() == getppid();
    }
    std::printf("interrupted at %zu instructions: %d shown as the site, %d unwound, %d calls answered\n", places.size(), shown_site.load(),
                unwound.load(), answered);
    reset();
    stepping = true;
    answered = raise_and_call() == getppid();
    std::printf("single steps: %d, %d at the site, %d unwound, %d call answered\n", seen.load(), shown_site.load(), unwound.load(), answered);
    reset();
    if (count < 2) return 0;
    storm = std::atoi(arguments[1]);
    pthread_t self = pthread_self(), sender;
    if (pthread_create(&sender, nullptr, send, &self) != 0) return 1;
    call_until_over();
    pthread_join(sender, nullptr);
    std::printf("signals of another thread: %d, %d unwound\n", seen.load(), unwound.load());
}

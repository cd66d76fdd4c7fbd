// Signals as signal(7) and sigaction(2) describe them: every line of the output is the same on Linux.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

sigjmp_buf back;
std::atomic<int> last{0}, calls{0};
int order[8];
std::atomic<int> ordered{0};
int ends[2];

void note(int signal) {
    last = signal;
    ++calls;
}

void install(int signal, void (*handler)(int), int flags = 0) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigaction(signal, &action, nullptr);
}

void install(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action{};
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    sigaction(signal, &action, nullptr);
}

void jump_out(int signal, siginfo_t* information, void* context) {
    const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    std::printf("signal %d code %d trap %lld\n", signal, information->si_code, static_cast<long long>(registers[REG_TRAPNO]));
    siglongjmp(back, 1);
}

void raising_and_masks() {
    install(SIGUSR1, note);
    raise(SIGUSR1);
    std::printf("raised: %d, calls %d\n", last.load(), calls.load());
    sigset_t set, before, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &before);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigpending(&pending);
    std::printf("blocked: calls %d, pending %d\n", calls.load(), sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_SETMASK, &before, nullptr);
    std::printf("unblocked: calls %d\n", calls.load());
}

void faults() {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) install(signal, jump_out);
    static volatile int* volatile nowhere = reinterpret_cast<volatile int*>(8);
    if (sigsetjmp(back, 1) == 0) *nowhere = 1;
    static const int constant = 1;
    if (sigsetjmp(back, 1) == 0) *const_cast<volatile int*>(&constant) = 2;
    if (sigsetjmp(back, 1) == 0) {
        volatile int zero = 0;
        std::printf("%d\n", 1 / zero);
    }
    if (sigsetjmp(back, 1) == 0) __builtin_trap();
    if (sigsetjmp(back, 1) == 0) asm volatile("int3");
}

// The handler changes where the program goes on, a general register and a vector register.
void changed_context() {
    install(SIGILL, [](int, siginfo_t*, void* context) {
        auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
        machine.gregs[REG_RIP] += 2;
        machine.gregs[REG_RBX] = 42;
        machine.fpregs->_xmm[3].element[0] = 7;
    });
    long general = 1;
    int vector = 1;
    asm volatile("mov $1, %%rbx; pxor %%xmm3, %%xmm3; ud2; mov %%rbx, %0; movd %%xmm3, %1" : "=r"(general), "=r"(vector) : : "rbx", "xmm3");
    std::printf("changed: %ld %d\n", general, vector);
}

// A handler's own use of vector registers is invisible.
void kept_registers() {
    install(SIGUSR2, [](int) {
        asm volatile("pxor %%xmm5, %%xmm5" : : : "xmm5");
        note(SIGUSR2);
    });
    int kept = 0;
    const pid_t self = getpid();
    asm volatile("mov $99, %%eax; movd %%eax, %%xmm5; mov $62, %%eax; mov %1, %%edi; mov $12, %%esi; syscall; movd %%xmm5, %0"
                 : "=r"(kept) : "r"(self) : "rax", "rdi", "rsi", "rcx", "r11", "xmm5", "memory");
    std::printf("kept: %d\n", kept);
}

void interrupted_read(bool restart) {
    install(SIGUSR2, note, restart ? SA_RESTART : 0);
    calls = 0;
    std::atomic<bool> done{false};
    std::atomic<pthread_t> reader{};
    std::thread thread{[&] {
        reader = pthread_self();
        char byte;
        const ssize_t got = read(ends[0], &byte, 1);
        std::printf("read %zd, %s\n", got, got < 0 ? std::strerror(errno) : "no error");
        done = true;
    }};
    while (!reader) std::this_thread::yield();
    // Until the handler was called, which may be before the read begins: so again until it has ended.
    while (!done) {
        pthread_kill(reader, SIGUSR2);
        usleep(1000);
        if (restart && calls > 3 && write(ends[1], "x", 1) == 1) break;
    }
    thread.join();
}

void computing_thread() {
    install(SIGUSR1, note);
    calls = 0;
    std::thread thread{[] {
        while (calls == 0) {
        }
    }};
    pthread_kill(thread.native_handle(), SIGUSR1);
    thread.join();
    std::puts("a computing thread is interrupted");
}

[[gnu::noinline]] int deep(int depth) {
    volatile char frame[4096];
    frame[0] = static_cast<char>(depth);
    return depth < 0 ? 0 : deep(depth + 1) + frame[0];
}

void stack_overflow() {
    static char memory[65536];
    stack_t stack{memory, 0, sizeof memory};
    sigaltstack(&stack, nullptr);
    install(SIGSEGV, jump_out, SA_ONSTACK);
    if (sigsetjmp(back, 1) == 0) std::printf("%d\n", deep(1));
    stack_t after{};
    sigaltstack(nullptr, &after);
    std::printf("survived, alternate stack flags %d\n", after.ss_flags);
}

void queued() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGRTMIN, SIGRTMIN + 1}) {
        sigaddset(&set, signal);
        install(signal, [](int, siginfo_t* information, void*) { order[ordered++] = information->si_value.sival_int; });
    }
    sigprocmask(SIG_BLOCK, &set, nullptr);
    for (int i = 0; i < 3; ++i) {
        sigqueue(getpid(), SIGRTMIN + 1, sigval{10 + i});
        sigqueue(getpid(), SIGRTMIN, sigval{i});
    }
    siginfo_t information{};
    const timespec now{};
    const int taken = sigtimedwait(&set, &information, &now);
    std::printf("waited for: %d value %d\n", taken - SIGRTMIN, information.si_value.sival_int);
    sigset_t none;
    sigemptyset(&none);
    // The handlers run nested, the last one first; each mask is restored.
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::printf("queued: %d\n", ordered.load());
    std::printf("none left: %d %s\n", sigtimedwait(&set, nullptr, &now), std::strerror(errno));
}

void suspended() {
    sigset_t blocked, none;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    install(SIGUSR1, note);
    calls = 0;
    raise(SIGUSR1);
    const int result = sigsuspend(&none);
    std::printf("suspended: %d %s, calls %d\n", result, std::strerror(errno), calls.load());
    sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
}

void broken_pipe() {
    install(SIGPIPE, note);
    last = 0;
    close(ends[0]);
    const ssize_t written = write(ends[1], "x", 1);
    std::printf("broken pipe: %zd %s, signal %d\n", written, std::strerror(errno), last.load());
}

void alarmed_sleep() {
    install(SIGALRM, note);
    last = 0;
    // Again and again: the first may come before the sleep begins.
    ualarm(20'000, 20'000);
    const timespec wanted{20, 0};
    timespec rest{};
    const int result = nanosleep(&wanted, &rest);
    ualarm(0, 0);
    std::printf("sleep: %d %s, signal %d, rest above 15 s: %d\n", result, std::strerror(errno), last.load(), rest.tv_sec >= 15);
}

void errors() {
    struct sigaction action{};
    std::printf("errors:");
    for (const int code : {sigaction(SIGKILL, &action, nullptr), sigaction(65, &action, nullptr), kill(getpid(), 99), kill(0x7ffffff0, 0), kill(getpid(), 0)})
        std::printf(" %d/%d", code, code < 0 ? errno : 0);
    std::printf("\n");
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (pipe(ends) != 0) return 1;
    raising_and_masks();
    faults();
    changed_context();
    kept_registers();
    interrupted_read(false);
    interrupted_read(true);
    computing_thread();
    stack_overflow();
    queued();
    suspended();
    broken_pipe();
    alarmed_sleep();
    errors();
}

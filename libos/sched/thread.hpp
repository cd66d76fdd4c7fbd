#pragma once
// A thread of the program, or a CPU's idle thread.
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/list.hpp"
#include "base/time.hpp"
#include "base/tree.hpp"
#include "libos/arch/context.hpp"
#include "libos/sched/pending_signals.hpp"

namespace eremite::sched {

struct ByQueue;    // the run queue, or the queue of the stacks to be reused
struct ByWait;     // a wait queue
struct ByExist;    // the list of all threads
struct ByTimer;    // the tree of deadlines

// linux/sched.h: SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE.
struct Scheduling {
    int policy = 0;
    int priority = 0;  // 1 to 99 for the real-time policies, else 0
    int nice = 0;
};

enum class State : uint8_t { Ready, Running, Blocked, Dead };
// Why a blocked thread goes on.
enum class Wakeup : uint8_t { Woken, TimedOut, Interrupted };

class Thread : public ListNode<ByQueue>, public ListNode<ByWait>, public ListNode<ByExist>, public TreeNode<ByTimer> {
public:
    explicit Thread(int id) : id{id} {}

    const int id;
    // The CPU in whose queue it is, on which it runs or ran last. Changes with the lock of the CPU that it names, and releases what
    // was done under it: from then on another CPU's lock guards the thread.
    std::atomic<unsigned> cpu{0};
    uint64_t affinity = ~uint64_t{0};  // the CPUs on which it may run
    State state = State::Ready;
    Wakeup wakeup = Wakeup::Woken;
    bool interruptible = true;  // a signal ends the present wait
    Scheduling scheduling{};
    unsigned inherited_level = 0;  // from threads that wait for a lock of this one
    // What follows from these (weigh() in cpu.hpp): how important it is, and how long it runs when others wait.
    unsigned level = 1;
    Duration slice = Duration::milliseconds(4);
    arch::ThreadContext context{};
    arch::KernelStack stack{};
    Instant deadline = Instant::never();  // of the present wait
    int64_t cpu_time = 0;                 // nanoseconds up to `running_since`
    Instant running_since{};
    // Futex word that is zeroed and woken when the thread ends (set_tid_address(2)); 0: none.
    VirtualAddress clear_at_exit{};
    // Head of the list of robust futexes (get_robust_list(2)).
    VirtualAddress robust_list{};
    // The futex that a waiting thread waits for, and the bits that wake it (libos/syscall/futex.cpp).
    uint64_t futex_key = 0;
    uint32_t futex_bits = 0;
    // What a copy that must not wait met (awaited_memory.hpp); 0: nothing.
    VirtualAddress awaited_memory{};
    bool awaits_writing = false;
    // Registered restartable sequences (linux/rseq.h).
    VirtualAddress rseq_area{};
    uint32_t rseq_signature = 0;
    uint32_t rseq_cpu = ~0u;  // the CPU's number that the program sees there
    uint64_t blocked_signals = 0;  // bit n - 1 for signal n
    // A signal may have to be delivered: waits end, and the thread looks before it goes on in the program.
    std::atomic<bool> signal_due{false};
    PendingSignals pending_signals;  // sent to this thread
    uint64_t awaited_signals = 0;    // by sigtimedwait(2), though they are blocked
    // The mask to go back to after a wait with another one (sigsuspend(2), ppoll(2)), once a handler's frame is made.
    uint64_t mask_after_wait = 0;
    bool mask_replaced = false;
    stack_t alternate_stack{nullptr, SS_DISABLE, 0};  // sigaltstack(2)
    // The system call that was interrupted and may have to be repeated.
    uint64_t interrupted_syscall = 0;
    // The system call under way, where calls are traced (libos/trace), and whether this one is.
    uint64_t traced_call = 0;
    bool traced = false;
    char name[16] = "program";
};

}  // namespace eremite::sched

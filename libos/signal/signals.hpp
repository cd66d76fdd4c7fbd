#pragma once
// Signals of the one process (signal(7)): what the program wants done with each, and sending them. They are delivered on the
// way back to the program (delivery.cpp).
#include <signal.h>

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "libos/fs/readiness.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::signal {

using sched::signal_bit;

// The kernel's struct sigaction.
struct Action {
    uint64_t handler, flags, restorer, mask;
    [[nodiscard]] bool is_default() const { return handler == 0; }
    [[nodiscard]] bool is_ignore() const { return handler == 1; }
};

[[nodiscard]] constexpr bool valid(int signal) { return signal >= 1 && signal <= sched::signal_count; }
// Those that nobody can block, catch or ignore.
inline constexpr uint64_t unblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

[[nodiscard]] Action action_of(int signal);
// Discards what is pending of a signal that is ignored from now on. Returns the action before.
Action set_action(int signal, const Action& action);
[[nodiscard]] bool ignored_by_default(int signal);
// Those whose default action is a core dump: worth a backtrace.
[[nodiscard]] bool dumps_core(int signal);

// Pending for the thread, or for the whole process. EAGAIN: no memory for a queued signal.
[[nodiscard]] Result<void> send_to_thread(sched::Thread& thread, const siginfo_t& information);
[[nodiscard]] Result<void> send_to_process(const siginfo_t& information);
// kill(2)'s information, sent by the program itself.
[[nodiscard]] siginfo_t from_program(int signal, int code);
// SIGPIPE and its like, which a system call brings on its thread.
void raise_in_thread(int signal);

void set_mask(sched::Thread& thread, uint64_t blocked);
// Of the running thread and of the process.
[[nodiscard]] uint64_t pending();
// Whether the signal waits to be taken: by the thread, or by the process when that is null.
[[nodiscard]] bool is_pending(const sched::Thread* thread, int signal);
// Takes one of these signals that is pending, for the running thread.
[[nodiscard]] std::optional<siginfo_t> take(uint64_t signals);
// sigtimedwait(2): waits until one of these is pending, which is taken. EAGAIN: the time is up; EINTR.
[[nodiscard]] Result<siginfo_t> wait_for(uint64_t signals, Instant deadline);
// What reads of signalfd(2) do: takes one of these signals, waiting for it if `waits`. The set may change meanwhile, see
// look_again(). EAGAIN; a restart code when another signal interrupts.
[[nodiscard]] Result<siginfo_t> receive(const std::atomic<uint64_t>& signals, bool waits);
void look_again();
// Notified of every signal that becomes pending, whoever may take it.
[[nodiscard]] fs::ReadinessSource& readiness_source();
// What was sent to the process and this thread will not take any more goes to another one.
void thread_ends(sched::Thread& thread);

}  // namespace eremite::signal

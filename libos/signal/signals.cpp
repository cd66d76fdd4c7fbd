#include "libos/signal/signals.hpp"

#include <poll.h>

#include "base/immortal.hpp"
#include "base/restart.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::signal {

namespace {

// Guards the actions, what is pending for the process, what is pending for each thread, and who reads.
constinit sync::Spinlock lock{sync::Rank::Signal};
constinit Action actions[sched::signal_count + 1]{};
constinit Immortal<sched::PendingSignals> immortal_signals;
constinit Immortal<sched::WaitQueue> immortal_readers;
constinit Immortal<fs::ReadinessSource> immortal_source;
constinit sched::PendingSignals& process_signals = immortal_signals.object;
constinit sched::WaitQueue& readers = immortal_readers.object;
constinit fs::ReadinessSource& source = immortal_source.object;

bool is_ignored(int signal) {
    const Action& action = actions[signal];
    return action.is_ignore() || (action.is_default() && ignored_by_default(signal));
}

// These require the lock.

// Of whomever: threads that read are woken to look for themselves.
Result<void> add(sched::PendingSignals& pending, const siginfo_t& information) {
    if (!pending.add(information) && information.si_signo >= sched::first_real_time_signal) return Error{EAGAIN};
    readers.wake_all();
    source.notify(POLLIN);
    return {};
}

void update_due(sched::Thread& thread) {
    thread.signal_due.store(((thread.pending_signals.set() | process_signals.set()) & (~thread.blocked_signals | thread.awaited_signals)) != 0);
}

std::optional<siginfo_t> take(sched::Thread& thread, uint64_t signals) {
    auto taken = thread.pending_signals.take(signals);
    if (!taken) taken = process_signals.take(signals);
    update_due(thread);
    return taken;
}

// Those of the process that this thread was to take, and does not any more: each goes to one that does.
void hand_on(const sched::Thread& thread, uint64_t signals) {
    const sync::Guard threads{sched::threads_lock()};
    const sync::Guard guard{lock};
    uint64_t left = process_signals.set() & signals;
    sched::visit_threads([&](sched::Thread& other) {
        if (&other == &thread || !(left & ~other.blocked_signals)) return;
        left &= other.blocked_signals;
        update_due(other);
        sched::interrupt(other);
    });
}

}  // namespace

bool ignored_by_default(int signal) {
    constexpr uint64_t set = signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) | signal_bit(SIGCONT) | signal_bit(SIGSTOP) |
                             signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU);
    return set & signal_bit(signal);
}

bool dumps_core(int signal) {
    constexpr uint64_t set = signal_bit(SIGQUIT) | signal_bit(SIGILL) | signal_bit(SIGTRAP) | signal_bit(SIGABRT) | signal_bit(SIGBUS) |
                             signal_bit(SIGFPE) | signal_bit(SIGSEGV) | signal_bit(SIGXCPU) | signal_bit(SIGXFSZ) | signal_bit(SIGSYS);
    return set & signal_bit(signal);
}

Action action_of(int signal) {
    const sync::Guard guard{lock};
    return actions[signal];
}

Action set_action(int signal, const Action& action) {
    const sync::Guard threads{sched::threads_lock()};
    const sync::Guard guard{lock};
    const Action before = actions[signal];
    actions[signal] = action;
    if (is_ignored(signal)) {
        process_signals.discard(signal_bit(signal));
        sched::visit_threads([signal](sched::Thread& thread) { thread.pending_signals.discard(signal_bit(signal)); });
    }
    return before;
}

Result<void> send_to_thread(sched::Thread& thread, const siginfo_t& information) {
    const int signal = information.si_signo;
    {
        const sync::Guard guard{lock};
        // One that is blocked may get a handler before it is unblocked.
        if (is_ignored(signal) && !(thread.blocked_signals & signal_bit(signal))) return {};
        TRY(add(thread.pending_signals, information));
        update_due(thread);
        if (!thread.signal_due.load()) return {};
    }
    sched::interrupt(thread);
    return {};
}

Result<void> send_to_process(const siginfo_t& information) {
    const int signal = information.si_signo;
    const uint64_t bit = signal_bit(signal);
    const sync::Guard threads{sched::threads_lock()};
    const sync::Guard guard{lock};
    sched::Thread* chosen = nullptr;
    // The main thread first, as in Linux; of others any that does not block it, or waits for it.
    sched::visit_threads([&chosen, bit](sched::Thread& thread) {
        if (!chosen && (!(thread.blocked_signals & bit) || (thread.awaited_signals & bit))) chosen = &thread;
    });
    const bool blocked = !chosen || (chosen->blocked_signals & bit);
    if (is_ignored(signal) && !blocked) return {};
    TRY(add(process_signals, information));
    if (!chosen) return {};
    update_due(*chosen);
    sched::interrupt(*chosen);
    return {};
}

siginfo_t from_program(int signal, int code) {
    siginfo_t information{};
    information.si_signo = signal;
    information.si_code = code;
    information.si_pid = 1;
    return information;
}

void raise_in_thread(int signal) {
    // A standard signal is never refused.
    (void)send_to_thread(sched::current_thread(), from_program(signal, SI_USER));
}

void set_mask(sched::Thread& thread, uint64_t blocked) {
    blocked &= ~unblockable;
    uint64_t left;
    {
        const sync::Guard guard{lock};
        left = process_signals.set() & blocked & ~thread.blocked_signals;
        thread.blocked_signals = blocked;
        update_due(thread);
        if (thread.signal_due.load()) sched::interrupt(thread);
    }
    if (left != 0) hand_on(thread, left);
}

uint64_t pending() {
    const sync::Guard guard{lock};
    return sched::current_thread().pending_signals.set() | process_signals.set();
}

bool is_pending(const sched::Thread* thread, int signal) {
    const sync::Guard guard{lock};
    return ((thread ? thread->pending_signals : process_signals).set() & signal_bit(signal)) != 0;
}

std::optional<siginfo_t> take(uint64_t signals) {
    const sync::Guard guard{lock};
    return take(sched::current_thread(), signals);
}

Result<siginfo_t> receive(const std::atomic<uint64_t>& signals, bool waits) {
    sched::Thread& thread = sched::current_thread();
    const sync::Guard guard{lock};
    for (;;) {
        if (const auto taken = take(thread, signals.load())) return *taken;
        if (!waits) return Error{EAGAIN};
        if (readers.wait(lock) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    }
}

void look_again() {
    const sync::Guard guard{lock};
    readers.wake_all();
    source.notify(POLLIN);
}

fs::ReadinessSource& readiness_source() { return source; }

Result<siginfo_t> wait_for(uint64_t signals, Instant deadline) {
    sched::Thread& thread = sched::current_thread();
    const auto await = [&thread](uint64_t awaited) {
        const sync::Guard guard{lock};
        thread.awaited_signals = awaited;
        update_due(thread);
        return process_signals.set() & thread.blocked_signals;
    };
    (void)await(signals);
    for (;;) {
        auto taken = take(signals);
        const sched::Wakeup why = taken ? sched::Wakeup::Woken : sched::block(deadline);
        if (!taken && why == sched::Wakeup::Interrupted) taken = take(signals);
        if (!taken && why == sched::Wakeup::Woken) continue;
        if (const uint64_t left = await(0) & signals; left != 0) hand_on(thread, left);
        if (taken) return *taken;
        return Error{why == sched::Wakeup::TimedOut ? EAGAIN : EINTR};
    }
}

void thread_ends(sched::Thread& thread) {
    // From here on it is not chosen any more.
    set_mask(thread, ~uint64_t{0});
}

}  // namespace eremite::signal

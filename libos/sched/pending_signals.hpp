#pragma once
// Signals that were sent and not yet taken: a set, and what is told with them (signal(7), "Queueing and delivery semantics").
#include <signal.h>

#include <bit>
#include <cstdint>
#include <new>
#include <optional>

namespace eremite::sched {

inline constexpr int signal_count = 64, first_real_time_signal = 32;
[[nodiscard]] constexpr uint64_t signal_bit(int signal) { return uint64_t{1} << (signal - 1); }

class PendingSignals {
public:
    constexpr PendingSignals() = default;
    PendingSignals(const PendingSignals&) = delete;
    PendingSignals& operator=(const PendingSignals&) = delete;
    ~PendingSignals() { discard(~uint64_t{0}); }

    [[nodiscard]] uint64_t set() const { return set_; }
    // A standard signal that is pending already is not queued again; real-time ones are, as often as they are sent.
    // False: there is no memory for what is told with it. A standard signal comes without it then.
    bool add(const siginfo_t& information) {
        const int signal = information.si_signo;
        const bool standard = signal < first_real_time_signal;
        if (standard && (set_ & signal_bit(signal))) return true;
        auto* const entry = new (std::nothrow) Entry{information};
        if (!entry && !standard) return false;
        set_ |= signal_bit(signal);
        if (entry) append(*entry);
        return entry != nullptr;
    }
    // Takes the lowest of these signals, the first that was sent of those with the same number.
    std::optional<siginfo_t> take(uint64_t signals) {
        const uint64_t candidates = set_ & signals;
        if (candidates == 0) return std::nullopt;
        // What the CPU raised comes first (as in Linux), since its address belongs to the present instruction.
        constexpr uint64_t synchronous = signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGTRAP) | signal_bit(SIGFPE) |
                                         signal_bit(SIGSYS);
        const uint64_t first = candidates & synchronous ? candidates & synchronous : candidates;
        const int signal = std::countr_zero(first) + 1;
        siginfo_t information{};
        information.si_signo = signal;
        bool told = false, more = false;
        for (Entry** link = &first_; *link;) {
            Entry* const entry = *link;
            if (entry->information.si_signo != signal) {
                link = &entry->next;
            } else if (!told) {
                told = true;
                information = entry->information;
                *link = entry->next;
                delete entry;
            } else {
                more = true;
                break;
            }
        }
        if (!more) set_ &= ~signal_bit(signal);
        return information;
    }
    void discard(uint64_t signals) {
        while (take(signals)) {
        }
    }

private:
    struct Entry {
        siginfo_t information;
        Entry* next = nullptr;
    };
    void append(Entry& entry) {
        Entry** link = &first_;
        while (*link) link = &(*link)->next;
        *link = &entry;
    }
    uint64_t set_ = 0;
    Entry* first_ = nullptr;
};

}  // namespace eremite::sched

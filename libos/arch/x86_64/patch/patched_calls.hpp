#pragma once
// The call sites that were patched, each with the way that leads from it into the library OS.
//
// A thread can be interrupted on that way. No unwind information describes it: the hole lies outside of the function, or in a
// part of it where the stack is another one, and nobody knows of the trampoline. So whoever shows the program its registers
// shows the site instead. That is true as well: up to the library OS's entry nothing has happened but that rcx holds the
// return address, and rcx is lost by `syscall` in any case. From the site the way is gone once more.
#include <array>
#include <atomic>
#include <optional>

#include "base/address.hpp"
#include "libos/arch/x86_64/patch/encode.hpp"

namespace eremite::arch::patch {

class PatchedCalls {
public:
    struct Call {
        VirtualAddress site, hole, trampoline;
    };
    // As many trampolines as a page holds.
    static constexpr size_t capacity = page_size / trampoline_size;

    // Notes a call whose site is not patched yet. False: there is no room, and the site must stay as it is. Requires: no other
    // add at the same time.
    [[nodiscard]] bool add(const Call& call) {
        const size_t count = count_.load(std::memory_order_relaxed);
        if (count == capacity) return false;
        calls_[count] = call;
        count_.store(count + 1, std::memory_order_release);
        return true;
    }

    // The site from which a thread came that is about to execute the instruction at `at`: that of a hole or a trampoline. Empty
    // for any other, the site itself included. May be called at any time.
    [[nodiscard]] std::optional<VirtualAddress> site_of(VirtualAddress at) const {
        const size_t count = count_.load(std::memory_order_acquire);
        for (size_t i = 0; i < count; ++i) {
            const Call& call = calls_[i];
            if (at == call.hole || at - call.trampoline < trampoline_size) return call.site;
        }
        return std::nullopt;
    }

    // Where a thread goes on that came to `site` while it was being patched. Empty: it is none that is patched. May be called at any time.
    [[nodiscard]] std::optional<VirtualAddress> hole_of(VirtualAddress site) const {
        const size_t count = count_.load(std::memory_order_acquire);
        for (size_t i = 0; i < count; ++i)
            if (calls_[i].site == site) return calls_[i].hole;
        return std::nullopt;
    }

private:
    std::array<Call, capacity> calls_{};
    // What lies below it does not change any more.
    std::atomic<size_t> count_{0};
};

}  // namespace eremite::arch::patch

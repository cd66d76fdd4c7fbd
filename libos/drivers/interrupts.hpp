#pragma once
// Who is called for a device's interrupt. Each CPU has vectors of its own, so that every queue of every device can have one.
#include "base/result.hpp"

namespace eremite::drivers {

// Lives as long as it is connected. Its function is called with no lock held, and must not wait.
struct Interrupt {
    void (*function)(void* context);
    void* context;
};

// Gives `interrupt` a vector of `cpu`: the device is then made to raise that one. ENOSPC: all are taken; ENOMEM.
[[nodiscard]] Result<unsigned> connect_interrupt(unsigned cpu, const Interrupt& interrupt);
// Takes it away, and waits for a call that is under way on another CPU. Requires: no lock is held that the call takes.
void disconnect_interrupt(unsigned cpu, unsigned vector);

}  // namespace eremite::drivers

#pragma once
// A debugger's way into a machine, if it has one.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "vmm/guest_memory.hpp"
#include "vmm/kvm/cpu.hpp"
#include "vmm/kvm/system.hpp"
#include "vmm/sandbox/needs.hpp"

namespace eremite::vmm {

// All of it lives as long as the machine.
struct Debuggee {
    const kvm::System& system;
    const GuestMemory& memory;
    std::span<const std::unique_ptr<kvm::Cpu>> cpus;
    // Physical addresses that the image was loaded at.
    uint64_t image_start = 0, image_end = 0;
    // The machine ends.
    std::function<void()> kill;
};

class Debugger {
public:
    virtual ~Debugger() = default;
    // The image is loaded, and no processor runs yet; those that it holds will not. Throws Error.
    virtual void attach(const Debuggee& machine) = 0;
    virtual void list_needs(sandbox::Needs& needs) const = 0;
    // Threads are made here, by a process that has given up its rights. After attach().
    virtual void run() = 0;
    // The machine has ended, with this status or by none of its own doing, and no processor runs any more. Returns when all threads have ended.
    // After run().
    virtual void detach(std::optional<uint8_t> status) = 0;
};

}  // namespace eremite::vmm

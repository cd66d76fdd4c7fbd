#pragma once
// /dev/kvm and a virtual machine of it (Documentation/virt/kvm/api.rst): its memory, its interrupt controllers, and the descriptors that stand for
// interrupts and for accesses.
#include <linux/kvm.h>

#include <cstdint>

#include "vmm/guest_memory.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::kvm {

// ioctl(2) without a result. Throws Error that names `what`.
void request(int fd, unsigned long number, const char* what, const void* argument = nullptr);

class System {
public:
    // Throws Error: there is no KVM, no permission, or it lacks what is needed.
    System();
    [[nodiscard]] int descriptor() const { return fd_.get(); }
    // KVM_CHECK_EXTENSION; 0: it is not there.
    [[nodiscard]] int extension(int capability) const;
    [[nodiscard]] unsigned most_cpus() const;

private:
    UniqueFd fd_;
};

class VirtualMachine {
public:
    // Lines of the only I/O APIC.
    static constexpr uint32_t interrupt_lines = 24;

    // The memory must live as long. Throws Error.
    VirtualMachine(const System& system, const GuestMemory& memory);
    [[nodiscard]] int descriptor() const { return fd_.get(); }

    // Each event of the descriptor is an edge on the line.
    void connect_interrupt(int event, uint32_t line) const;
    // A write of 4 bytes with this value at this address becomes an event of the descriptor. False: KVM cannot do that here.
    [[nodiscard]] bool connect_notification(int event, uint64_t address, uint32_t value) const;

private:
    UniqueFd fd_;
};

}  // namespace eremite::vmm::kvm

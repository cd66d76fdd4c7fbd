#pragma once
// A processor's state, by KVM's ioctls, which wait while it runs: for one that stands.
#include <linux/kvm.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vmm/gdb/address_space.hpp"
#include "vmm/gdb/registers.hpp"
#include "vmm/kvm/cpu.hpp"
#include "vmm/sandbox/needs.hpp"

namespace eremite::vmm::gdb {

// Where exceptions that concern a debugger enter the guest's kernel.
struct Handlers {
    uint64_t debug = 0, breakpoint = 0, page_fault = 0;
    bool operator==(const Handlers&) const = default;
};

// What the processor pushes when ring 3 is interrupted by an exception without an error code.
struct ExceptionFrame {
    uint64_t rip = 0, cs = 0, rflags = 0, rsp = 0, ss = 0;
    [[nodiscard]] bool is_of_ring_3() const { return (cs & 3) == 3; }
};

class Processor {
public:
    Processor(kvm::Cpu& cpu, const GuestMemory& memory) : cpu_{cpu}, memory_{memory} {}

    [[nodiscard]] kvm::Cpu& cpu() const { return cpu_; }
    // Errors of the ioctls: they are KVM's, and leave what is asked for empty.
    [[nodiscard]] bool read(RegisterFile& to) const;
    [[nodiscard]] bool write(const RegisterFile& from) const;
    [[nodiscard]] uint64_t rip() const;
    [[nodiscard]] PagingState paging() const;
    [[nodiscard]] std::string state() const;
    // It neither sleeps nor has yet to be started.
    [[nodiscard]] bool is_runnable() const;
    // Of the last page fault.
    [[nodiscard]] uint64_t faulting_page() const { return special().cr2 & ~(page_size - 1); }
    // How many bytes from the first on are mapped to memory. Takes pages one after the other: `use` gets the physical address and the bytes.
    template <typename Use>
    size_t for_each_page(uint64_t address, size_t length, Use use) const;

    // Nothing before the guest's kernel has told the processor, in 64-bit mode.
    [[nodiscard]] std::optional<Handlers> handlers() const;
    // What stands at the top of the stack. Requires: it is at the first instruction of its handler, or at its iretq.
    [[nodiscard]] std::optional<ExceptionFrame> frame() const;
    // The same for a page fault: when its handler has returned, an instruction is taken as a step. Nothing: it was not ring 3's.
    [[nodiscard]] std::optional<ExceptionFrame> step_after_page_fault() const;
    // As if the exception had not come: back to 64-bit code in ring 3, at `rip`.
    void undo(const ExceptionFrame& frame, uint64_t rip) const;
    // Where ring 0 is interpreted and `syscall` stays in ring 3: does the next instruction, if it is that or an iretq to ring 3, which both lose
    // the flag for steps. False: it is another.
    [[nodiscard]] bool step_by_hand() const;
    // Nothing: the next instruction is no hlt; else the address behind it.
    [[nodiscard]] std::optional<uint64_t> behind_halt() const;
    void set_debug(const kvm_guest_debug& setting) const;

    static void list_needs(sandbox::Needs& needs);

private:
    [[nodiscard]] bool step_syscall() const;
    [[nodiscard]] bool is_next(const kvm_sregs& others, std::span<const std::byte> instruction) const;
    [[nodiscard]] kvm_sregs special() const;
    [[nodiscard]] bool read_bytes(const PagingState& paging, uint64_t address, std::span<std::byte> to) const;

    kvm::Cpu& cpu_;
    const GuestMemory& memory_;
};

template <typename Use>
size_t Processor::for_each_page(uint64_t address, size_t length, Use use) const {
    const PagingState state = paging();
    size_t done = 0;
    while (done < length) {
        const uint64_t at = address + done;
        const size_t part = std::min<uint64_t>(length - done, page_size - at % page_size);
        const auto translation = translate(memory_, state, at);
        const auto bytes = translation ? memory_.piece(translation->physical, part) : std::span<std::byte>{};
        if (bytes.empty()) break;
        use(translation->physical, bytes, done);
        done += part;
    }
    return done;
}

}  // namespace eremite::vmm::gdb

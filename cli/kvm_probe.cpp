#include "cli/kvm_probe.hpp"

#include <asm/processor-flags.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>

#include "cli/file.hpp"
#include "vmm/error.hpp"
#include "vmm/kvm/cpuid.hpp"

namespace eremite::cli {

namespace {

// Guest memory: page tables, descriptor table, code, stack.
constexpr size_t memory_size = 1 << 20;
constexpr uint64_t level4 = 0x1000, level3 = 0x2000, level2 = 0x3000, gdt = 0x4000, code = 0x10000, stack_top = 0x20000;
// Beyond the memory, in the same large page: a store there ends KVM_RUN, in any ring.
constexpr uint32_t mark_address = 0x180000;
constexpr uint16_t kernel_code = 0x10, kernel_data = 0x18, user_data = 0x28 | 3, user_code = 0x30 | 3;
constexpr uint32_t ring0_turns = 1000, ring3_turns = 10'000'000;
constexpr unsigned instructions_a_turn = 2;

enum Mark : uint8_t { Ring0Start = 1, Ring0End, Ring3Start, Ring3End };

// Puts together the few instructions the machine runs.
class CodeWriter {
public:
    explicit CodeWriter(uint8_t* at) : at_{at} {}
    // movb $mark, mark_address
    void mark(Mark value) {
        put({0xc6, 0x04, 0x25});
        put32(mark_address);
        put({value});
    }
    // mov $turns, %ecx; 1: dec %ecx; jnz 1b
    void loop(uint32_t turns) {
        put({0xb9});
        put32(turns);
        put({0xff, 0xc9, 0x75, 0xfc});
    }
    // Leaves ring 0 for the instruction that follows.
    void enter_ring3() {
        put({0x6a, user_data});  // push $ss
        put({0x68});             // push $rsp
        put32(stack_top);
        put({0x6a, X86_EFLAGS_FIXED});        // push $rflags
        put({0x6a, user_code});               // push $cs
        put({0x48, 0x8d, 0x05, 3, 0, 0, 0});  // lea 3(%rip), %rax: past the two instructions below
        put({0x50});                          // push %rax
        put({0x48, 0xcf});                    // iretq
    }

private:
    void put(std::initializer_list<uint8_t> bytes) {
        for (const uint8_t byte : bytes) *at_++ = byte;
    }
    void put32(uint32_t value) {
        std::memcpy(at_, &value, sizeof value);
        at_ += sizeof value;
    }
    uint8_t* at_;
};

void write_guest(uint8_t* memory) {
    const auto write = [memory](uint64_t at, uint64_t value) { std::memcpy(memory + at, &value, sizeof value); };
    constexpr uint64_t present_writable_user = 7, large = 0x80;
    write(level4, level3 | present_writable_user);
    write(level3, level2 | present_writable_user);
    write(level2, present_writable_user | large);
    write(gdt + kernel_code, 0x00af9b000000ffff);
    write(gdt + kernel_data, 0x00cf93000000ffff);
    write(gdt + (user_data & ~3U), 0x00cff3000000ffff);
    write(gdt + (user_code & ~3U), 0x00affb000000ffff);
    CodeWriter writer{memory + code};
    writer.mark(Ring0Start);
    writer.loop(ring0_turns);
    writer.mark(Ring0End);
    writer.enter_ring3();
    writer.mark(Ring3Start);
    writer.loop(ring3_turns);
    writer.mark(Ring3End);
}

// What the child process sends back.
struct Outcome {
    bool finished_ring0 = false;
    bool finished_ring3 = false;
    double ring0_ns = 0;
    double ring3_ns = 0;
    std::array<char, 96> detail{};
};

void explain(Outcome& outcome, const std::string& why) {
    why.copy(outcome.detail.data(), outcome.detail.size() - 1);
}

bool set_registers(int vcpu) {
    kvm_sregs special{};
    if (ioctl(vcpu, KVM_GET_SREGS, &special) != 0) return false;
    constexpr uint64_t efer_long_mode_enable = 1 << 8, efer_long_mode_active = 1 << 10;
    special.cr3 = level4;
    special.cr4 = X86_CR4_PAE;
    special.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG;
    special.efer = efer_long_mode_enable | efer_long_mode_active;
    kvm_segment segment{.base = 0,
                        .limit = 0xffffffff,
                        .selector = kernel_code,
                        .type = 11,
                        .present = 1,
                        .dpl = 0,
                        .db = 0,
                        .s = 1,
                        .l = 1,
                        .g = 1,
                        .avl = 0,
                        .unusable = 0,
                        .padding = 0};
    special.cs = segment;
    segment.type = 3;
    segment.selector = kernel_data;
    segment.l = 0;
    segment.db = 1;
    special.ds = special.es = special.fs = special.gs = special.ss = segment;
    special.gdt = {.base = gdt, .limit = 0x3f, .padding = {}};
    kvm_regs registers{};
    registers.rip = code;
    registers.rsp = stack_top;
    registers.rflags = X86_EFLAGS_FIXED;
    return ioctl(vcpu, KVM_SET_SREGS, &special) == 0 && ioctl(vcpu, KVM_SET_REGS, &registers) == 0;
}

Outcome run_trial(const vmm::kvm::System& kvm) {
    Outcome outcome;
    const auto fail = [&outcome](const char* what) {
        explain(outcome, fmt::format("{}: {}", what, std::strerror(errno)));
        return outcome;
    };
    const UniqueFd machine{ioctl(kvm.descriptor(), KVM_CREATE_VM, 0)};
    if (!machine) return fail("KVM_CREATE_VM");
    // Intel hosts without unrestricted guests need a place for three pages; above the guest's memory is free.
    if (ioctl(machine.get(), KVM_SET_TSS_ADDR, 0xfffbd000) != 0) return fail("KVM_SET_TSS_ADDR");
    void* const memory = mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail("guest memory");
    write_guest(static_cast<uint8_t*>(memory));
    // SAFETY: KVM wants the address of the mapping as a number; it outlives the machine, which ends with this process.
    kvm_userspace_memory_region region{
        .slot = 0, .flags = 0, .guest_phys_addr = 0, .memory_size = memory_size, .userspace_addr = reinterpret_cast<uint64_t>(memory)};
    if (ioctl(machine.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) return fail("KVM_SET_USER_MEMORY_REGION");
    const UniqueFd vcpu{ioctl(machine.get(), KVM_CREATE_VCPU, 0)};
    if (!vcpu) return fail("KVM_CREATE_VCPU");
    // It knows long mode only when its CPUID leaves say so.
    vmm::kvm::set_cpuid(vcpu.get(), vmm::kvm::supported_cpuid(kvm, 0));
    if (!set_registers(vcpu.get())) return fail("KVM_SET_SREGS");
    const int run_size = ioctl(kvm.descriptor(), KVM_GET_VCPU_MMAP_SIZE, 0);
    if (run_size < static_cast<int>(sizeof(kvm_run))) return fail("KVM_GET_VCPU_MMAP_SIZE");
    void* const mapping = mmap(nullptr, static_cast<size_t>(run_size), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.get(), 0);
    if (mapping == MAP_FAILED) return fail("kvm_run");
    const auto* const run = static_cast<const kvm_run*>(mapping);
    using Clock = std::chrono::steady_clock;
    Clock::time_point start;
    const auto per_instruction = [&start](uint32_t turns) {
        return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / turns / instructions_a_turn;
    };
    while (!outcome.finished_ring3) {
        if (ioctl(vcpu.get(), KVM_RUN, 0) != 0) {
            if (errno == EINTR) continue;
            return fail("KVM_RUN");
        }
        if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != mark_address) {
            explain(outcome, fmt::format("unexpected exit {} from {}", run->exit_reason, outcome.finished_ring0 ? "ring 3" : "ring 0"));
            return outcome;
        }
        switch (run->mmio.data[0]) {
            case Ring0Start:
            case Ring3Start:
                start = Clock::now();
                break;
            case Ring0End:
                outcome.ring0_ns = per_instruction(ring0_turns);
                outcome.finished_ring0 = true;
                break;
            case Ring3End:
                outcome.ring3_ns = per_instruction(ring3_turns);
                outcome.finished_ring3 = true;
                break;
            default:
                explain(outcome, "a wrong mark");
                return outcome;
        }
    }
    return outcome;
}

// In a process of its own, which nothing may leave by an exception.
Outcome run_trial() {
    try {
        return run_trial(vmm::kvm::System{});
    } catch (const vmm::Error& error) {
        Outcome outcome;
        explain(outcome, error.what());
        return outcome;
    }
}

}  // namespace

KvmState kvm_permission() {
    const UniqueFd kvm{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
    if (kvm) return KvmState::Works;
    return errno == EACCES || errno == EPERM ? KvmState::NotPermitted : KvmState::Absent;
}

KvmMeasurement measure_kvm(std::chrono::milliseconds limit) {
    KvmMeasurement measurement;
    measurement.state = kvm_permission();
    if (measurement.state != KvmState::Works) return measurement;
    const auto broken = [&measurement](std::string why) {
        measurement.state = KvmState::Broken;
        measurement.detail = std::move(why);
        return measurement;
    };
    Pipe pipe = make_pipe();
    const pid_t child = ::fork();
    if (child < 0) return broken(std::strerror(errno));
    if (child == 0) {
        const Outcome outcome = run_trial();
        const bool sent = ::write(pipe.write_end.get(), &outcome, sizeof outcome) == sizeof outcome;
        _exit(sent ? 0 : 1);
    }
    pipe.write_end.reset();
    Outcome outcome;
    pollfd wait{.fd = pipe.read_end.get(), .events = POLLIN, .revents = 0};
    const bool answered =
        ::poll(&wait, 1, static_cast<int>(limit.count())) > 0 && ::read(pipe.read_end.get(), &outcome, sizeof outcome) == sizeof outcome;
    if (!answered) ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (!answered) return broken(fmt::format("no answer within {} ms", limit.count()));
    measurement.detail = outcome.detail.data();
    if (!outcome.finished_ring0) return broken(measurement.detail);
    measurement.ring0_ns = outcome.ring0_ns;
    measurement.ring3_ns = outcome.ring3_ns;
    measurement.ring3_works = outcome.finished_ring3;
    return measurement;
}

}  // namespace eremite::cli

#include "vmm/kvm/cpu.hpp"

#include <asm/processor-flags.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "vmm/error.hpp"
#include "vmm/kvm/cpuid.hpp"

namespace eremite::vmm::kvm {

namespace {

constexpr int interrupt_signal = SIGUSR1;

kvm_segment flat_segment(uint16_t selector, uint8_t type) {
    kvm_segment segment{};
    segment.limit = UINT32_MAX;
    segment.selector = selector;
    segment.type = type;
    segment.present = segment.db = segment.s = segment.g = 1;
    return segment;
}

}  // namespace

void Cpu::prepare_process() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(interrupt_signal, &action, nullptr);
}

Cpu::Cpu(const System& system, const VirtualMachine& machine, unsigned index, const std::vector<kvm_cpuid_entry2>& leaves)
    : fd_{::ioctl(machine.descriptor(), KVM_CREATE_VCPU, index)}, index_{index} {
    if (!fd_) throw system_error("KVM_CREATE_VCPU");
    const int size = ::ioctl(system.descriptor(), KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < static_cast<int>(sizeof(kvm_run))) throw system_error("KVM_GET_VCPU_MMAP_SIZE");
    run_size_ = static_cast<size_t>(size);
    void* const mapping = ::mmap(nullptr, run_size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (mapping == MAP_FAILED) throw system_error("a processor's mapping");
    run_ = static_cast<kvm_run*>(mapping);
    set_cpuid(fd_.get(), leaves);
}

Cpu::~Cpu() {
    if (run_) ::munmap(run_, run_size_);
}

void Cpu::start_at(uint32_t entry, uint32_t start_info) {
    constexpr uint16_t code = 0x08, data = 0x10, task = 0x18;
    constexpr uint8_t execute_read = 11, read_write = 3, busy_task = 11;
    kvm_sregs special{};
    request(fd_.get(), KVM_GET_SREGS, "KVM_GET_SREGS", &special);
    special.cs = flat_segment(code, execute_read);
    special.ds = special.es = special.fs = special.gs = special.ss = flat_segment(data, read_write);
    special.tr = flat_segment(task, busy_task);
    special.tr.limit = 0x67;
    special.tr.s = special.tr.g = special.tr.db = 0;
    special.cr0 = X86_CR0_PE | X86_CR0_ET;
    special.cr3 = special.cr4 = special.efer = 0;
    request(fd_.get(), KVM_SET_SREGS, "KVM_SET_SREGS", &special);
    kvm_regs registers{};
    registers.rip = entry;
    registers.rbx = start_info;
    registers.rflags = X86_EFLAGS_FIXED;
    request(fd_.get(), KVM_SET_REGS, "KVM_SET_REGS", &registers);
}

void Cpu::stop() {
    stopped_.store(true);
    pause_.end();
    interrupt();
}

void Cpu::hold() {
    pause_.hold();
    interrupt();
}

// Any thread sets it, while the processor's may be on its way in.
void Cpu::set_immediate_exit(bool wanted) { std::atomic_ref{run_->immediate_exit}.store(wanted ? 1 : 0); }

// The signal brings it out of the machine, or out of a wait in it; the mark is for one that is not in it yet.
void Cpu::interrupt() {
    set_immediate_exit(true);
    const pid_t thread = thread_.load();
    if (thread != 0) (void)::tgkill(::getpid(), thread, interrupt_signal);
}

Cpu::End Cpu::run(const Bus& ports, const Bus& memory, const ExitTrace* trace) {
    exits_.ports.resize(ports.size() + 1);
    exits_.memory.resize(memory.size() + 1);
    thread_.store(::gettid());
    pause_.stand();
    const End end = run_until_end(ports, memory, trace);
    pause_.leave();
    return end;
}

Cpu::End Cpu::run_until_end(const Bus& ports, const Bus& memory, const ExitTrace* trace) {
    while (!stopped_.load()) {
        if (::ioctl(fd_.get(), KVM_RUN, 0) != 0) {
            if (errno == EINTR) {
                ++exits_.signals;
                // KVM has completed what it came out for before (api.rst, KVM_RUN). Whoever holds it too late for stand() to see it sets the mark
                // after it is cleared here.
                set_immediate_exit(false);
                pause_.stand();
                continue;
            }
            if (errno == EAGAIN) continue;
            failure_ = std::string{"KVM_RUN: "} + std::strerror(errno);
            return End::Failed;
        }
        if (trace != nullptr) [[unlikely]] trace_event(*trace);
        if (watcher_ && watcher_(*run_)) continue;
        switch (run_->exit_reason) {
            case KVM_EXIT_IO: access_ports(ports, trace); break;
            case KVM_EXIT_MMIO: access_memory(memory, trace); break;
            case KVM_EXIT_INTR: ++exits_.signals; break;
            case KVM_EXIT_HLT: ++exits_.halts; break;
            case KVM_EXIT_IRQ_WINDOW_OPEN: ++exits_.interrupt_windows; break;
            case KVM_EXIT_SHUTDOWN:
            case KVM_EXIT_SYSTEM_EVENT: ++exits_.shutdowns; return End::Reset;
            case KVM_EXIT_FAIL_ENTRY:
                failure_ = "the host's processor refuses to enter the machine, reason " + std::to_string(run_->fail_entry.hardware_entry_failure_reason);
                return End::Failed;
            case KVM_EXIT_INTERNAL_ERROR:
                failure_ = "KVM cannot go on, internal error " + std::to_string(run_->internal.suberror);
                return End::Failed;
            default:
                ++exits_.others;
                failure_ = "KVM stopped for an unknown reason, " + std::to_string(run_->exit_reason);
                return End::Failed;
        }
    }
    return End::Stopped;
}

void Cpu::access_ports(const Bus& ports, const ExitTrace* trace) {
    const auto& io = run_->io;
    // SAFETY: KVM puts the data there, within the mapping.
    auto* data = reinterpret_cast<std::byte*>(run_) + io.data_offset;
    // A string of bytes for one port is written at once; all else is an access each.
    const bool is_write = io.direction == KVM_EXIT_IO_OUT;
    const std::span<const std::byte> all{data, size_t{io.size} * io.count};
    size_t place = ports.size();
    if (trace != nullptr && is_write) [[unlikely]] trace->access(index_, "out", io.port, all);
    if (is_write && io.size == 1) {
        place = ports.write(io.port, all);
    } else {
        for (uint32_t i = 0; i < io.count; ++i, data += io.size) place = is_write ? ports.write(io.port, {data, io.size}) : ports.read(io.port, {data, io.size});
    }
    if (trace != nullptr && !is_write) [[unlikely]] trace->access(index_, "in", io.port, all);
    ++exits_.ports[place];
}

void Cpu::access_memory(const Bus& memory, const ExitTrace* trace) {
    auto& mmio = run_->mmio;
    // SAFETY: the bytes of an array.
    auto* const data = reinterpret_cast<std::byte*>(mmio.data);
    const size_t length = mmio.len <= sizeof mmio.data ? mmio.len : sizeof mmio.data;
    const bool is_write = mmio.is_write != 0;
    if (trace != nullptr && is_write) [[unlikely]] trace->access(index_, "write", mmio.phys_addr, {data, length});
    ++exits_.memory[is_write ? memory.write(mmio.phys_addr, {data, length}) : memory.read(mmio.phys_addr, {data, length})];
    if (trace != nullptr && !is_write) [[unlikely]] trace->access(index_, "read", mmio.phys_addr, {data, length});
}

// Accesses are shown with what they carry, where they are made.
void Cpu::trace_event(const ExitTrace& trace) const {
    switch (run_->exit_reason) {
        case KVM_EXIT_IO:
        case KVM_EXIT_MMIO: break;
        case KVM_EXIT_INTR: trace.event(index_, "signal"); break;
        case KVM_EXIT_HLT: trace.event(index_, "halt"); break;
        case KVM_EXIT_IRQ_WINDOW_OPEN: trace.event(index_, "interrupt window"); break;
        case KVM_EXIT_SHUTDOWN:
        case KVM_EXIT_SYSTEM_EVENT: trace.event(index_, "shutdown"); break;
        default: trace.event(index_, "reason " + std::to_string(run_->exit_reason)); break;
    }
}

std::string Cpu::registers() const {
    kvm_regs r{};
    kvm_sregs s{};
    if (::ioctl(fd_.get(), KVM_GET_REGS, &r) != 0 || ::ioctl(fd_.get(), KVM_GET_SREGS, &s) != 0) return "registers are not known\n";
    const std::array<std::pair<const char*, unsigned long long>, 24> all{{
        {"rip", r.rip}, {"rflags", r.rflags}, {"rsp", r.rsp}, {"rbp", r.rbp}, {"rax", r.rax}, {"rbx", r.rbx}, {"rcx", r.rcx}, {"rdx", r.rdx},
        {"rsi", r.rsi}, {"rdi", r.rdi}, {"r8", r.r8}, {"r9", r.r9}, {"r10", r.r10}, {"r11", r.r11}, {"r12", r.r12}, {"r13", r.r13},
        {"r14", r.r14}, {"r15", r.r15}, {"cs", s.cs.selector}, {"cr0", s.cr0}, {"cr2", s.cr2}, {"cr3", s.cr3}, {"cr4", s.cr4}, {"efer", s.efer},
    }};
    std::string text;
    constexpr size_t a_line = 4;
    for (size_t i = 0; i < all.size(); ++i) {
        std::array<char, 48> word{};
        std::snprintf(word.data(), word.size(), "%6s %016llx%s", all[i].first, all[i].second, i % a_line == a_line - 1 ? "\n" : " ");
        text += word.data();
    }
    return text;
}

}  // namespace eremite::vmm::kvm

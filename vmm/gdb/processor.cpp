#include "vmm/gdb/processor.hpp"

#include <asm/processor-flags.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace eremite::vmm::gdb {

namespace {

constexpr uint64_t long_mode_active = uint64_t{1} << 10;
constexpr unsigned debug_vector = 1, breakpoint_vector = 3, page_fault_vector = 14;
constexpr unsigned x87_registers = 8, xmm_registers = 16;

// The tags as FXSAVE has them, a bit for each register that is in use, and as FSTENV does, with two bits, of which GDB wants the latter.
uint16_t full_tags(uint8_t used) {
    constexpr unsigned empty = 3;
    uint16_t tags = 0;
    for (unsigned i = 0; i < x87_registers; ++i)
        if ((used >> i & 1) == 0) tags = static_cast<uint16_t>(tags | empty << (2 * i));
    return tags;
}

uint8_t used_registers(uint64_t tags) {
    constexpr unsigned empty = 3;
    uint8_t used = 0;
    for (unsigned i = 0; i < x87_registers; ++i)
        if ((tags >> (2 * i) & empty) != empty) used = static_cast<uint8_t>(used | 1U << i);
    return used;
}

// GDB's number and where KVM has it.
struct General {
    Register number;
    __u64 kvm_regs::*member;
};
constexpr General general[] = {
    {Rax, &kvm_regs::rax}, {Rbx, &kvm_regs::rbx}, {Rcx, &kvm_regs::rcx}, {Rdx, &kvm_regs::rdx}, {Rsi, &kvm_regs::rsi}, {Rdi, &kvm_regs::rdi},
    {Rbp, &kvm_regs::rbp}, {Rsp, &kvm_regs::rsp}, {R8, &kvm_regs::r8},   {R9, &kvm_regs::r9},   {R10, &kvm_regs::r10}, {R11, &kvm_regs::r11},
    {R12, &kvm_regs::r12}, {R13, &kvm_regs::r13}, {R14, &kvm_regs::r14}, {R15, &kvm_regs::r15}, {Rip, &kvm_regs::rip}, {Eflags, &kvm_regs::rflags},
};
struct Segment {
    Register number;
    kvm_segment kvm_sregs::*member;
};
constexpr Segment segments[] = {{Cs, &kvm_sregs::cs}, {Ss, &kvm_sregs::ss}, {Ds, &kvm_sregs::ds}, {Es, &kvm_sregs::es}, {Fs, &kvm_sregs::fs}, {Gs, &kvm_sregs::gs}};

// struct kvm_msrs with room for two; its flexible array makes it larger in C++ than in C with some headers, and the number of its ioctl.
struct ModelSpecificRegisters {
    uint32_t count, padding;
    kvm_msr_entry entries[2];
};
struct ModelSpecificHeader {
    uint32_t count, padding;
};
constexpr unsigned long get_model_specific = _IOWR(KVMIO, 0x88, ModelSpecificHeader);

// A 64-bit interrupt or trap gate (Intel's manual, volume 3, 7.14.1).
struct Gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
static_assert(sizeof(Gate) == 16);

}  // namespace

kvm_sregs Processor::special() const {
    kvm_sregs values{};
    if (::ioctl(cpu_.descriptor(), KVM_GET_SREGS, &values) != 0) return {};
    return values;
}

bool Processor::read(RegisterFile& to) const {
    kvm_regs values{};
    kvm_fpu floating{};
    if (::ioctl(cpu_.descriptor(), KVM_GET_REGS, &values) != 0 || ::ioctl(cpu_.descriptor(), KVM_GET_FPU, &floating) != 0) return false;
    const kvm_sregs others = special();
    for (const General& one : general) to.set(one.number, values.*one.member);
    for (const Segment& one : segments) to.set(one.number, (others.*one.member).selector);
    to.set(FsBase, others.fs.base);
    to.set(GsBase, others.gs.base);
    to.set(Cr0, others.cr0);
    to.set(Cr2, others.cr2);
    to.set(Cr3, others.cr3);
    to.set(Cr4, others.cr4);
    to.set(Efer, others.efer);
    for (size_t i = 0; i < x87_registers; ++i) std::ranges::copy(std::as_bytes(std::span{floating.fpr[i]}).first(RegisterFile::width(St0)), to.bytes(St0 + i).begin());
    for (size_t i = 0; i < xmm_registers; ++i) std::ranges::copy(std::as_bytes(std::span{floating.xmm[i]}), to.bytes(Xmm0 + i).begin());
    to.set(Fctrl, floating.fcw);
    to.set(Fstat, floating.fsw);
    to.set(Ftag, full_tags(floating.ftwx));
    to.set(Fioff, floating.last_ip);
    to.set(Fooff, floating.last_dp);
    to.set(Fop, floating.last_opcode);
    to.set(Mxcsr, floating.mxcsr);
    return true;
}

bool Processor::write(const RegisterFile& from) const {
    kvm_regs values{};
    kvm_fpu floating{};
    if (::ioctl(cpu_.descriptor(), KVM_GET_FPU, &floating) != 0) return false;
    for (const General& one : general) values.*one.member = from.value(one.number);
    for (size_t i = 0; i < x87_registers; ++i) std::ranges::copy(from.bytes(St0 + i), std::as_writable_bytes(std::span{floating.fpr[i]}).begin());
    for (size_t i = 0; i < xmm_registers; ++i) std::ranges::copy(from.bytes(Xmm0 + i), std::as_writable_bytes(std::span{floating.xmm[i]}).begin());
    floating.fcw = static_cast<uint16_t>(from.value(Fctrl));
    floating.fsw = static_cast<uint16_t>(from.value(Fstat));
    floating.ftwx = used_registers(from.value(Ftag));
    floating.mxcsr = static_cast<uint32_t>(from.value(Mxcsr));
    kvm_sregs others = special();
    const bool bases_change = others.fs.base != from.value(FsBase) || others.gs.base != from.value(GsBase);
    others.fs.base = from.value(FsBase);
    others.gs.base = from.value(GsBase);
    const int fd = cpu_.descriptor();
    return (!bases_change || ::ioctl(fd, KVM_SET_SREGS, &others) == 0) && ::ioctl(fd, KVM_SET_FPU, &floating) == 0 && ::ioctl(fd, KVM_SET_REGS, &values) == 0;
}

uint64_t Processor::rip() const {
    kvm_regs values{};
    return ::ioctl(cpu_.descriptor(), KVM_GET_REGS, &values) == 0 ? values.rip : 0;
}

PagingState Processor::paging() const {
    const kvm_sregs values = special();
    return {.cr0 = values.cr0, .cr3 = values.cr3, .cr4 = values.cr4, .efer = values.efer};
}

std::string Processor::state() const {
    kvm_mp_state state{};
    if (::ioctl(cpu_.descriptor(), KVM_GET_MP_STATE, &state) != 0) return "unknown";
    switch (state.mp_state) {
        case KVM_MP_STATE_RUNNABLE: return "running";
        case KVM_MP_STATE_HALTED: return "halted";
        default: return "not started";
    }
}

bool Processor::is_runnable() const {
    kvm_mp_state state{};
    return ::ioctl(cpu_.descriptor(), KVM_GET_MP_STATE, &state) == 0 && state.mp_state == KVM_MP_STATE_RUNNABLE;
}

bool Processor::read_bytes(const PagingState& paging, uint64_t address, std::span<std::byte> to) const {
    for (std::byte& byte : to) {
        const auto translation = translate(memory_, paging, address++);
        const auto from = translation ? memory_.piece(translation->physical, 1) : std::span<std::byte>{};
        if (from.empty()) return false;
        byte = from[0];
    }
    return true;
}

std::optional<Handlers> Processor::handlers() const {
    constexpr uint8_t present = 0x80, type_mask = 0x1e, gate = 0x0e;  // an interrupt gate, or with the lowest bit a trap gate
    const kvm_sregs values = special();
    if ((values.efer & long_mode_active) == 0 || values.idt.base == 0 || values.idt.limit < (page_fault_vector + 1) * sizeof(Gate) - 1) return std::nullopt;
    const PagingState paging{.cr0 = values.cr0, .cr3 = values.cr3, .cr4 = values.cr4, .efer = values.efer};
    const auto entry = [&](unsigned vector) -> uint64_t {
        Gate found{};
        if (!read_bytes(paging, values.idt.base + vector * sizeof found, std::as_writable_bytes(std::span{&found, 1}))) return 0;
        if ((found.type & (present | type_mask)) != (present | gate)) return 0;
        return uint64_t{found.offset_high} << 32 | uint64_t{found.offset_middle} << 16 | found.offset_low;
    };
    const Handlers all{.debug = entry(debug_vector), .breakpoint = entry(breakpoint_vector), .page_fault = entry(page_fault_vector)};
    if (all.debug == 0 || all.breakpoint == 0 || all.page_fault == 0) return std::nullopt;
    return all;
}

std::optional<ExceptionFrame> Processor::frame() const {
    kvm_regs values{};
    ExceptionFrame frame;
    if (::ioctl(cpu_.descriptor(), KVM_GET_REGS, &values) != 0) return std::nullopt;
    if (!read_bytes(paging(), values.rsp, std::as_writable_bytes(std::span{&frame, 1}))) return std::nullopt;
    return frame;
}

std::optional<ExceptionFrame> Processor::step_after_page_fault() const {
    kvm_regs values{};
    ExceptionFrame frame;
    if (::ioctl(cpu_.descriptor(), KVM_GET_REGS, &values) != 0) return std::nullopt;
    const uint64_t at = values.rsp + sizeof(uint64_t);  // behind the error code
    if (!read_bytes(paging(), at, std::as_writable_bytes(std::span{&frame, 1})) || !frame.is_of_ring_3()) return std::nullopt;
    frame.rflags |= X86_EFLAGS_TF;
    const auto changed = std::as_bytes(std::span{&frame, 1});
    (void)for_each_page(at, changed.size(), [&](uint64_t, std::span<std::byte> bytes, size_t done) { std::ranges::copy(changed.subspan(done, bytes.size()), bytes.begin()); });
    return frame;
}

void Processor::undo(const ExceptionFrame& frame, uint64_t rip) const {
    constexpr uint8_t execute_read = 11, read_write = 3, ring = 3;
    kvm_sregs others = special();
    kvm_segment flat{};
    flat.limit = UINT32_MAX;
    flat.dpl = ring;
    flat.present = flat.s = flat.g = 1;
    others.ss = others.cs = flat;
    others.cs.selector = static_cast<uint16_t>(frame.cs);
    others.cs.type = execute_read;
    others.cs.l = 1;
    others.ss.selector = static_cast<uint16_t>(frame.ss);
    others.ss.type = read_write;
    others.ss.db = 1;
    kvm_regs values{};
    if (::ioctl(cpu_.descriptor(), KVM_GET_REGS, &values) != 0 || ::ioctl(cpu_.descriptor(), KVM_SET_SREGS, &others) != 0) return;
    values.rip = rip;
    values.rsp = frame.rsp;
    values.rflags = (frame.rflags & ~uint64_t{X86_EFLAGS_TF}) | X86_EFLAGS_FIXED;
    (void)::ioctl(cpu_.descriptor(), KVM_SET_REGS, &values);
}

bool Processor::is_next(const kvm_sregs& others, std::span<const std::byte> instruction) const {
    std::vector<std::byte> bytes(instruction.size());
    const PagingState paging{.cr0 = others.cr0, .cr3 = others.cr3, .cr4 = others.cr4, .efer = others.efer};
    return read_bytes(paging, rip(), bytes) && std::ranges::equal(bytes, instruction);
}

bool Processor::step_by_hand() const {
    constexpr std::array syscall{std::byte{0x0f}, std::byte{0x05}}, iretq{std::byte{0x48}, std::byte{0xcf}};
    const kvm_sregs others = special();
    if ((others.efer & long_mode_active) == 0) return false;
    if (others.cs.dpl != 0) return is_next(others, syscall) && step_syscall();
    const auto to = is_next(others, iretq) ? frame() : std::nullopt;
    if (!to || !to->is_of_ring_3()) return false;
    undo(*to, to->rip);
    return true;
}

bool Processor::step_syscall() const {
    constexpr uint32_t lstar = 0xc0000082, fmask = 0xc0000084, length = 2;
    kvm_regs values{};
    if (::ioctl(cpu_.descriptor(), KVM_GET_REGS, &values) != 0) return false;
    ModelSpecificRegisters registers{.count = 2, .padding = 0, .entries = {{.index = lstar, .reserved = 0, .data = 0}, {.index = fmask, .reserved = 0, .data = 0}}};
    if (::ioctl(cpu_.descriptor(), get_model_specific, &registers) != static_cast<int>(registers.count)) return false;
    values.rcx = values.rip + length;
    values.r11 = values.rflags;
    values.rip = registers.entries[0].data;
    values.rflags = (values.rflags & ~registers.entries[1].data) | X86_EFLAGS_FIXED;
    return ::ioctl(cpu_.descriptor(), KVM_SET_REGS, &values) == 0;
}

std::optional<uint64_t> Processor::behind_halt() const {
    constexpr std::byte halt{0xf4};
    const uint64_t at = rip();
    std::byte byte{};
    return read_bytes(paging(), at, {&byte, 1}) && byte == halt ? std::optional{at + 1} : std::nullopt;
}

void Processor::set_debug(const kvm_guest_debug& setting) const { (void)::ioctl(cpu_.descriptor(), KVM_SET_GUEST_DEBUG, &setting); }

void Processor::list_needs(sandbox::Needs& needs) {
    for (const unsigned long request : std::initializer_list<unsigned long>{KVM_SET_REGS, KVM_SET_SREGS, KVM_GET_FPU, KVM_SET_FPU, KVM_GET_MP_STATE, KVM_SET_GUEST_DEBUG, get_model_specific})
        needs.calls.push_back(sandbox::ioctl_call(request));
}

}  // namespace eremite::vmm::gdb

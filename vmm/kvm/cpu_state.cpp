#include "vmm/kvm/cpu_state.hpp"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "vmm/error.hpp"
#include "vmm/kvm/cpuid.hpp"
#include "vmm/kvm/first_entry.hpp"

namespace eremite::vmm::kvm {

namespace {

// The lists of KVM's end in a flexible array, behind a count. That makes its structures larger in C++ than in C with some headers, and the numbers of
// its ioctls with them.
constexpr size_t most_registers = 1024;
struct RegisterNumbers {
    uint32_t count = most_registers;
    std::array<uint32_t, most_registers> numbers{};
};
struct Registers {
    uint32_t count = 0, padding = 0;
    std::array<kvm_msr_entry, 64> entries{};
};
constexpr unsigned long list_registers = _IOWR(KVMIO, 0x02, uint32_t), get_registers = _IOWR(KVMIO, 0x88, uint64_t), set_registers = _IOW(KVMIO, 0x89, uint64_t);

template <typename T>
void save(int fd, unsigned long number, const char* what, StateWriter& state, T value = {}) {
    request(fd, number, what, &value);
    state.add(value);
}

template <typename T>
void restore(int fd, unsigned long number, const char* what, StateReader& state) {
    const T value = state.take<T>();
    request(fd, number, what, &value);
}

// In the order in which they are restored: the deadline of the timer is in units of the counter.
constexpr std::array<uint32_t, 2> last{0x10, 0x6e0};  // IA32_TIME_STAMP_COUNTER, IA32_TSC_DEADLINE

// Whoever sets these asks for the time to be written into memory, once: what stands there now is something else.
constexpr std::array<uint32_t, 2> requests_of_time{0x11, 0x4b564d00};  // MSR_KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW

std::vector<kvm_msr_entry> model_specific_registers(const System& system, int cpu) {
    RegisterNumbers list;
    request(system.descriptor(), list_registers, "KVM_GET_MSR_INDEX_LIST", &list);
    std::vector<uint32_t> numbers(list.numbers.begin(), list.numbers.begin() + std::min<size_t>(list.count, most_registers));
    for (const uint32_t number : requests_of_time) std::erase(numbers, number);
    for (const uint32_t number : last) std::erase(numbers, number);
    numbers.insert(numbers.end(), last.begin(), last.end());
    std::vector<kvm_msr_entry> found;
    for (const uint32_t number : numbers) {
        Registers one;
        one.count = 1;
        one.entries[0].index = number;
        // KVM lists some that this processor does not have.
        if (::ioctl(cpu, get_registers, &one) == 1) found.push_back(one.entries[0]);
    }
    return found;
}

void require_as_it_was(int cpu, const kvm_msr_entry& wanted) {
    Registers one;
    one.count = 1;
    one.entries[0].index = wanted.index;
    if (::ioctl(cpu, get_registers, &one) == 1 && one.entries[0].data == wanted.data) return;
    throw Error{"this host's KVM does not take the snapshot's register " + std::to_string(wanted.index)};
}

// Some cannot be set, and need not be where they are as they were. KVM stops at such a one.
void set_model_specific_registers(int cpu, std::span<const kvm_msr_entry> wanted) {
    while (!wanted.empty()) {
        Registers some;
        some.count = static_cast<uint32_t>(std::min(wanted.size(), some.entries.size()));
        std::copy_n(wanted.begin(), some.count, some.entries.begin());
        const int done = ::ioctl(cpu, set_registers, &some);
        wanted = wanted.subspan(std::min<size_t>(done < 0 ? 0 : static_cast<size_t>(done), some.count));
        if (done == static_cast<int>(some.count)) continue;
        require_as_it_was(cpu, wanted.front());
        wanted = wanted.subspan(1);
    }
}

// KVM_CAP_XSAVE2 tells how long the area is, with all components of the host. A KVM that interprets ring 0 has the oldest form only.
constexpr size_t longest_area = 65536;
struct SaveArea {
    alignas(64) std::array<std::byte, longest_area> bytes;
};

// False: KVM does not do that.
bool save_vector_registers(const System& system, int cpu, StateWriter& state) {
    const auto area = std::make_unique<SaveArea>();
    const int size = system.extension(KVM_CAP_XSAVE2);
    const bool sized = size > 0 && static_cast<size_t>(size) <= longest_area;
    if (::ioctl(cpu, sized ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, area.get()) == 0) {
        state.add_list(std::span<const std::byte>{area->bytes}.first(sized ? static_cast<size_t>(size) : sizeof(kvm_xsave)));
        return true;
    }
    if (errno != EINVAL) throw system_error("KVM_GET_XSAVE");
    return false;
}

void save_floating_point(const System& system, int cpu, StateWriter& state) {
    if (save_vector_registers(system, cpu, state)) return;
    state.add_list(std::span<const std::byte>{});
    save<kvm_fpu>(cpu, KVM_GET_FPU, "KVM_GET_FPU", state);
}

void restore_floating_point(const System& system, int cpu, const GuestMemory& memory, uint64_t scratch, StateReader& state) {
    const auto saved = state.take_list<std::byte>();
    if (saved.empty()) {
        enter_once(cpu, static_cast<size_t>(::ioctl(system.descriptor(), KVM_GET_VCPU_MMAP_SIZE, 0)), memory, scratch);
        return restore<kvm_fpu>(cpu, KVM_SET_FPU, "KVM_SET_FPU", state);
    }
    const auto area = std::make_unique<SaveArea>();
    if (saved.size() > longest_area) throw Error{"the snapshot is damaged: its processors have too many registers"};
    std::copy(saved.begin(), saved.end(), area->bytes.begin());
    request(cpu, KVM_SET_XSAVE, "KVM_SET_XSAVE", area.get());
}

}  // namespace

void save_machine(const VirtualMachine& machine, StateWriter& state) {
    state.begin("interrupts");
    kvm_irqchip controller{};
    controller.chip_id = KVM_IRQCHIP_IOAPIC;
    save(machine.descriptor(), KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP", state, controller);
    kvm_clock_data clock{};
    request(machine.descriptor(), KVM_GET_CLOCK, "KVM_GET_CLOCK", &clock);
    state.add<uint64_t>(clock.clock);
}

void restore_machine(const VirtualMachine& machine, StateReader& state) {
    state.begin("interrupts");
    restore<kvm_irqchip>(machine.descriptor(), KVM_SET_IRQCHIP, "KVM_SET_IRQCHIP", state);
    kvm_clock_data clock{};
    clock.clock = state.take<uint64_t>();
    request(machine.descriptor(), KVM_SET_CLOCK, "KVM_SET_CLOCK", &clock);
}

void save_cpu(const System& system, int cpu, StateWriter& state) {
    state.begin("processor");
    // First of all, since it makes KVM handle a start (INIT, SIPI) that is pending, which changes the registers.
    kvm_mp_state running{};
    request(cpu, KVM_GET_MP_STATE, "KVM_GET_MP_STATE", &running);
    save_floating_point(system, cpu, state);
    state.add_list(std::span<const kvm_msr_entry>{model_specific_registers(system, cpu)});
    save<kvm_sregs>(cpu, KVM_GET_SREGS, "KVM_GET_SREGS", state);
    save<kvm_xcrs>(cpu, KVM_GET_XCRS, "KVM_GET_XCRS", state);
    save<kvm_lapic_state>(cpu, KVM_GET_LAPIC, "KVM_GET_LAPIC", state);
    save<kvm_debugregs>(cpu, KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS", state);
    save<kvm_vcpu_events>(cpu, KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", state);
    state.add(running);
    save<kvm_regs>(cpu, KVM_GET_REGS, "KVM_GET_REGS", state);
}

void restore_cpu(const System& system, int cpu, const GuestMemory& memory, uint64_t scratch, StateReader& state) {
    state.begin("processor");
    restore_floating_point(system, cpu, memory, scratch, state);
    const auto model_specific = state.take_list<kvm_msr_entry>();
    restore<kvm_sregs>(cpu, KVM_SET_SREGS, "KVM_SET_SREGS", state);
    restore<kvm_xcrs>(cpu, KVM_SET_XCRS, "KVM_SET_XCRS", state);
    restore<kvm_lapic_state>(cpu, KVM_SET_LAPIC, "KVM_SET_LAPIC", state);
    set_model_specific_registers(cpu, model_specific);
    restore<kvm_debugregs>(cpu, KVM_SET_DEBUGREGS, "KVM_SET_DEBUGREGS", state);
    restore<kvm_vcpu_events>(cpu, KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", state);
    restore<kvm_mp_state>(cpu, KVM_SET_MP_STATE, "KVM_SET_MP_STATE", state);
    restore<kvm_regs>(cpu, KVM_SET_REGS, "KVM_SET_REGS", state);
}

bool tells_all_registers(const System& system, int cpu) {
    StateWriter state;
    return save_vector_registers(system, cpu, state);
}

bool is_halted(int cpu) {
    kvm_mp_state state{};
    request(cpu, KVM_GET_MP_STATE, "KVM_GET_MP_STATE", &state);
    return state.mp_state != KVM_MP_STATE_RUNNABLE;
}

std::span<const unsigned long> saving_requests() {
    static constexpr unsigned long requests[] = {KVM_CHECK_EXTENSION, KVM_GET_IRQCHIP, KVM_GET_CLOCK,     list_registers,      get_registers,    KVM_GET_SREGS, KVM_GET_XCRS, KVM_GET_XSAVE,
                                                 KVM_GET_XSAVE2,  KVM_GET_FPU, KVM_GET_LAPIC,   KVM_GET_DEBUGREGS, KVM_GET_VCPU_EVENTS, KVM_GET_MP_STATE, KVM_GET_REGS};
    return requests;
}

}  // namespace eremite::vmm::kvm

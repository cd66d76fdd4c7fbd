// A machine's snapshot, and how it goes on from one.
#include <sys/random.h>
#include <sys/syscall.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "abi/generation.hpp"
#include "vmm/boot/acpi.hpp"
#include "vmm/error.hpp"
#include "vmm/kvm/cpu_state.hpp"
#include "vmm/kvm/first_entry.hpp"
#include "vmm/machine.hpp"
#include "vmm/output.hpp"

namespace eremite::vmm {

void Machine::begin_generation(const std::string& arguments) {
    const std::span<std::byte> page = memory_.piece(generation_at, abi::generation_page_size);
    if (page.empty()) throw Error{"the machine has too little memory"};
    if (arguments.size() >= page.size() - abi::generation_identifier_size) throw Error{"the restored machine's arguments are too long"};
    std::fill(page.begin(), page.end(), std::byte{0});
    if (::getrandom(page.data(), abi::generation_identifier_size, 0) != abi::generation_identifier_size) throw system_error("getrandom");
    std::memcpy(page.data() + abi::generation_identifier_size, arguments.data(), arguments.size());
}

void Machine::list_snapshot_needs(sandbox::Needs& needs) {
    needs.add_calls({SYS_clock_nanosleep, SYS_pwrite64, SYS_ftruncate});
    for (const unsigned long request : kvm::saving_requests()) needs.calls.push_back(sandbox::ioctl_call(request));
}

// Requires: the processors stand still, and the locks of all devices are held.
std::vector<std::byte> Machine::state() {
    StateWriter state;
    SnapshotFile::write_notes(state, setup_.orders.notes);
    state.begin("machine");
    state.add<uint32_t>(setup_.cpus);
    state.add_list(std::span<const kvm_cpuid_entry2>{cpuid_});
    // Devices first: what they still do in memory is done then, and its interrupts are part of the state.
    state.add<uint64_t>(slots_.size());
    for (const Slot& slot : slots_) slot.transport->save(state);
    serial_.save(state);
    kvm::save_machine(machine_, state);
    for (const auto& cpu : cpus_) kvm::save_cpu(system_, cpu->descriptor(), state);
    return {state.bytes().begin(), state.bytes().end()};
}

// For who needs it, as far as it comes. Requires: paused, and so it is afterwards.
bool Machine::wait_for_idle_processors() {
    constexpr std::chrono::milliseconds at_most{1000}, each{1};
    const auto end = std::chrono::steady_clock::now() + at_most;
    const auto all_halted = [this] { return std::all_of(cpus_.begin(), cpus_.end(), [](const auto& cpu) { return kvm::is_halted(cpu->descriptor()); }); };
    while (!all_halted()) {
        if (std::chrono::steady_clock::now() > end || has_ended()) return false;
        resume();
        std::this_thread::sleep_for(each);
        pause();
    }
    return true;
}

void Machine::take_snapshot() {
    std::string reply;
    bool ends = false;
    pause();
    try {
        const bool complete = has_ended() || kvm::tells_all_registers(system_, cpus_[0]->descriptor()) || wait_for_idle_processors();
        // A processor that was stopped may stand in the midst of an access.
        if (has_ended()) throw Error{"the machine has ended"};
        std::vector<std::unique_lock<std::mutex>> locks;
        for (const Slot& slot : slots_) locks.emplace_back(slot.transport->device_lock());
        reply = "ok " + std::to_string(write_snapshot(setup_.orders.file, memory_, state())) + (complete ? "" : " without AVX");
        ends = setup_.orders.ends;
    } catch (const std::exception& error) {
        reply = error.what();
    }
    if (ends) finish({.kind = MachineEnd::Kind::Saved, .status = 0, .details = {}});
    else resume();
    reply += "\n";
    write_all(setup_.orders.reply, std::as_bytes(std::span{reply}));
}

void Machine::restore(const SnapshotFile& snapshot) {
    StateReader state{snapshot.state()};
    (void)SnapshotFile::read_notes(state);
    state.begin("machine");
    if (state.take<uint32_t>() != setup_.cpus) throw Error{"the snapshot is of a machine with another number of processors"};
    cpuid_ = state.take_list<kvm_cpuid_entry2>();
    make_cpus();
    if (state.take<uint64_t>() != slots_.size()) throw Error{"the snapshot is of a machine with another number of devices: give it the same kinds of --net, --mount and --volume"};
    for (Slot& slot : slots_) slot.transport->restore(state);
    serial_.restore(state);
    kvm::restore_machine(machine_, state);
    for (const auto& cpu : cpus_) kvm::restore_cpu(system_, cpu->descriptor(), memory_, generation_at - kvm::first_entry_scratch_size, state);
    begin_generation(setup_.command_line);
    // An edge may have been on its way to the interrupt controller when that was saved, or have come before it was restored. One more tells nothing new.
    for (const Slot& slot : slots_)
        if (slot.transport->interrupts()) signal_event(slot.interrupt.get());
    signal_event(serial_interrupt_.get());
    signal_event(generation_interrupt_.get());
}

}  // namespace eremite::vmm

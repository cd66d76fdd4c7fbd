#include "vmm/gdb/kvm_target.hpp"

#include <algorithm>

#include "vmm/event_loop.hpp"
#include "vmm/gdb/probe.hpp"

namespace eremite::vmm::gdb {

namespace {

using Kind = Breakpoint::Kind;

// What is watched by steps is compared after each of them.
constexpr uint64_t most_watched = 64;
constexpr size_t most_watches = 16;

}  // namespace

KvmTarget::KvmTarget(const Debuggee& machine, std::function<void(const Stop&)> tell)
    : machine_{machine},
      tell_{std::move(tell)},
      debugs_ring_3_{ring_3_is_debugged(machine.system)},
      blocks_interrupts_{(machine.system.extension(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ) != 0},
      event_{make_event()},
      patches_{machine.memory, machine.image_start, machine.image_end} {
    for (const auto& cpu : machine_.cpus) processors_.emplace_back(Processor{*cpu, machine_.memory});
    for (size_t i = 0; i < processors_.size(); ++i) {
        kvm::Cpu& cpu = processors_[i].state.cpu();
        cpu.watch([this, i](const kvm_run& run) { return see(i, run); });
        cpu.hold();
    }
}

std::string KvmTarget::describe(size_t processor) const { return "CPU " + std::to_string(processor) + " (" + processors_[processor].state.state() + ")"; }

size_t KvmTarget::read_memory(size_t processor, uint64_t address, std::span<std::byte> to) {
    return processors_[processor].state.for_each_page(address, to.size(), [&](uint64_t physical, std::span<std::byte> bytes, size_t done) {
        const auto part = to.subspan(done, bytes.size());
        std::ranges::copy(bytes, part.begin());
        patches_.hide(physical, part);
    });
}

bool KvmTarget::write_memory(size_t processor, uint64_t address, std::span<const std::byte> from) {
    const Processor& state = processors_[processor].state;
    if (state.for_each_page(address, from.size(), [](uint64_t, std::span<std::byte>, size_t) {}) != from.size()) return false;
    (void)state.for_each_page(address, from.size(), [&](uint64_t physical, std::span<std::byte> bytes, size_t done) {
        std::vector<std::byte> part(from.begin() + static_cast<ptrdiff_t>(done), from.begin() + static_cast<ptrdiff_t>(done + bytes.size()));
        patches_.keep(physical, part);
        std::ranges::copy(part, bytes.begin());
    });
    return true;
}

Target::Insertion KvmTarget::insert(size_t processor, const Breakpoint& breakpoint) {
    if (breakpoint.kind == Kind::Software || (breakpoint.kind == Kind::Hardware && !debugs_ring_3_)) {
        if (!patches_.add(breakpoint.address, breakpoint.kind)) return Insertion::Full;
        patches_.follow(processors_[processor].state.paging());
        return Insertion::Done;
    }
    // x86 watches for writes, or for any access.
    if (breakpoint.kind == Kind::WatchReads) return Insertion::Unsupported;
    if (debugs_ring_3_) {
        const uint64_t length = breakpoint.length;
        const bool is_possible = (length == 1 || length == 2 || length == 4 || length == 8) && breakpoint.address % length == 0;
        if (!is_possible) return Insertion::Unsupported;
        if (std::ranges::find(in_registers_, breakpoint) != in_registers_.end()) return Insertion::Done;
        if (in_registers_.size() == debug_registers) return Insertion::Full;
        in_registers_.push_back(breakpoint);
        return Insertion::Done;
    }
    if (breakpoint.kind != Kind::WatchWrites || breakpoint.length == 0 || breakpoint.length > most_watched) return Insertion::Unsupported;
    if (watches_.size() == most_watches) return Insertion::Full;
    Watch watch{breakpoint, std::vector<std::byte>(breakpoint.length)};
    if (read_memory(processor, breakpoint.address, watch.value) != breakpoint.length) return Insertion::Unsupported;
    watches_.push_back(std::move(watch));
    return Insertion::Done;
}

void KvmTarget::remove(const Breakpoint& breakpoint) {
    patches_.remove(breakpoint.address, breakpoint.kind);
    std::erase(in_registers_, breakpoint);
    std::erase_if(watches_, [&](const Watch& watch) { return watch.breakpoint == breakpoint; });
}

void KvmTarget::remove_all() {
    patches_.remove_all();
    in_registers_.clear();
    watches_.clear();
}

void KvmTarget::resume(std::span<const Action> actions) {
    for (size_t i = 0; i < processors_.size(); ++i) processors_[i].action = actions[i];
    for (size_t i = 0; i < processors_.size(); ++i) find_handlers(i);
    for (size_t i = 0; i < processors_.size(); ++i)
        if (actions[i].kind != Action::Kind::Stand) let_go(i);
}

// What a processor has come to meanwhile it comes to again when it goes on, as it stands before it; a step that has ended has ended.
void KvmTarget::stop() {
    turn_.reset();
    for (OneProcessor& one : processors_) {
        one.waits = false;
        if (!std::exchange(one.held, true)) one.state.cpu().hold();
    }
    for (OneProcessor& one : processors_) one.state.cpu().wait_until_held();
    for (size_t i = 0; i < processors_.size(); ++i) {
        const auto exit = take_exit(i);
        if (!exit) continue;
        (void)judge(i, *exit);
        // It is held twice.
        processors_[i].state.cpu().release();
    }
}

void KvmTarget::look() {
    if (!take_event(event_.get())) return;
    for (size_t i = 0; i < processors_.size(); ++i) {
        const auto exit = take_exit(i);
        if (!exit) continue;
        processors_[i].held = true;
        processors_[i].state.cpu().wait_until_held();
        const auto why = judge(i, *exit);
        if (why) {
            stop();
            tell_(*why);
            return;
        }
        go_on_after(i);
    }
}

// It has come to nothing that stops it.
void KvmTarget::go_on_after(size_t index) {
    if (turn_ != index) return let_go(index);
    turn_.reset();
    for (size_t i = 1; i < processors_.size(); ++i) {
        const size_t next = (index + i) % processors_.size();
        if (!processors_[next].waits) continue;
        let_go(next);
        break;
    }
    let_go(index);
}

std::optional<KvmTarget::Exit> KvmTarget::take_exit(size_t index) {
    const std::lock_guard guard{lock_};
    return std::exchange(processors_[index].exit, std::nullopt);
}

// In the processor's thread.
bool KvmTarget::see(size_t index, const kvm_run& run) {
    constexpr std::byte int3 = Patches::int3;
    Exit exit;
    bool is_ours = true;
    if (run.exit_reason == KVM_EXIT_DEBUG) {
        exit = {.kind = Exit::Kind::Debug, .exception = run.debug.arch.exception, .pc = run.debug.arch.pc, .dr6 = run.debug.arch.dr6};
        constexpr uint64_t hits = 0xf;
        const bool is_step = (exit.dr6 & hits) == 0;
        // Most steps on the way to the guest's handlers end here.
        if (is_step && !processors_[index].steps_to_page && wants_handlers_.load() && processors_[index].action.kind == Action::Kind::Continue && !processors_[index].state.handlers()) return true;
    } else if (run.exit_reason == KVM_EXIT_INTERNAL_ERROR && run.internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
        const auto& failure = run.emulation_failure;
        const bool has_bytes = failure.ndata >= 1 && (failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0 && failure.insn_size >= 1;
        if (!has_bytes || std::byte{failure.insn_bytes[0]} != int3) return false;
        exit.kind = Exit::Kind::Breakpoint;
    } else if (wants_exits_.load()) {
        is_ours = false;
    } else {
        return false;
    }
    report(index, exit);
    return is_ours;
}

// It stands until look() has seen it.
void KvmTarget::report(size_t index, const Exit& exit) {
    {
        const std::lock_guard guard{lock_};
        processors_[index].exit = exit;
        processors_[index].state.cpu().hold();
    }
    signal_event(event_.get());
}

bool KvmTarget::is_handler(uint64_t address) const {
    return handlers_ && (address == handlers_->debug || address == handlers_->breakpoint || address == handlers_->page_fault);
}

void KvmTarget::find_handlers(size_t index) {
    if (const auto found = processors_[index].state.handlers()) handlers_ = found;
}

// Something is wanted of ring 3, and its exceptions could go to handlers that are not known yet.
bool KvmTarget::steps_to_handlers() const { return !debugs_ring_3_ && !handlers_ && !patches_.empty(); }

// What GDB wants comes first, then what its breakpoints need.
void KvmTarget::choose_registers(OneProcessor& one) const {
    one.registers = {};
    size_t used = 0;
    const auto put = [&](const Breakpoint& breakpoint) {
        if (used < debug_registers) one.registers[used++] = breakpoint;
    };
    for (const Breakpoint& breakpoint : in_registers_) put(breakpoint);
    if (!handlers_) return;
    if (!debugs_ring_3_) {
        put({.kind = Kind::Hardware, .address = handlers_->debug});
        put({.kind = Kind::Hardware, .address = handlers_->breakpoint});
    }
    // A program whose first pages are there will soon be at others.
    if (patches_.waits()) put({.kind = Kind::Hardware, .address = handlers_->page_fault});
}

void KvmTarget::choose_step(OneProcessor& one, kvm_guest_debug& setting) const {
    const bool is_wanted = one.action.kind == Action::Kind::Step || one.steps_over;
    one.steps = is_wanted || !watches_.empty() || one.steps_to_page || steps_to_handlers();
    if (one.steps_to && one.steps) {
        one.steps = one.steps_over = false;
        // There is room: nothing of GDB's is in these registers where this is necessary.
        one.registers.back() = {.kind = Kind::Hardware, .address = *one.steps_to};
        return;
    }
    one.steps_to.reset();
    if (one.steps) setting.control |= KVM_GUESTDBG_SINGLESTEP;
    // GDB's step goes to the next instruction, and to no handler. Who only watches by steps needs its interrupts.
    if (is_wanted && blocks_interrupts_) setting.control |= KVM_GUESTDBG_BLOCKIRQ;
}

void KvmTarget::let_go(size_t index) {
    OneProcessor& one = processors_[index];
    // An interpreted hlt that is a step sleeps later than it should: a breakpoint behind it is its end.
    one.steps_to = debugs_ring_3_ ? std::nullopt : one.state.behind_halt();
    const bool needs_turn = takes_turns() && one.state.is_runnable() && !one.steps_to;
    one.waits = needs_turn && turn_ && *turn_ != index;
    if (one.waits) return;
    if (needs_turn) turn_ = index;
    choose_registers(one);
    wants_exits_.store(patches_.waits() || steps_to_handlers());
    wants_handlers_.store(steps_to_handlers());
    one.steps_over = one.steps_over || is_handler(one.state.rip());
    kvm_guest_debug setting{};
    const bool is_debugged = !patches_.empty() || !watches_.empty() || one.registers[0] || one.action.kind == Action::Kind::Step;
    if (is_debugged) setting.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
    choose_step(one, setting);
    if (std::exchange(one.injects, false)) setting.control |= KVM_GUESTDBG_INJECT_BP;
    // The registers of the processor's manual, volume 3, 19.2: lengths of 1, 2, 8 and 4 bytes are 0 to 3.
    constexpr uint64_t reserved_one = 0x400, exact = 0x300;
    uint64_t control = reserved_one | exact;
    for (size_t i = 0; i < debug_registers && !one.steps_over; ++i) {
        if (!one.registers[i]) continue;
        const Breakpoint& breakpoint = *one.registers[i];
        const uint64_t kind = breakpoint.kind == Kind::Hardware ? 0 : breakpoint.kind == Kind::WatchWrites ? 1 : 3;
        const uint64_t length = breakpoint.kind == Kind::Hardware || breakpoint.length == 1 ? 0 : breakpoint.length == 2 ? 1 : breakpoint.length == 4 ? 3 : 2;
        setting.control |= KVM_GUESTDBG_USE_HW_BP;
        setting.arch.debugreg[i] = breakpoint.address;
        control |= uint64_t{2} << (2 * i) | (kind | length << 2) << (16 + 4 * i);
    }
    setting.arch.debugreg[7] = control;
    one.state.set_debug(setting);
    if (one.steps && !debugs_ring_3_ && one.state.step_by_hand()) {
        constexpr uint64_t step = 0x4000;
        report(index, {.kind = Exit::Kind::Debug, .exception = 1, .pc = 0, .dr6 = step});
    }
    one.held = false;
    one.state.cpu().release();
}

}  // namespace eremite::vmm::gdb

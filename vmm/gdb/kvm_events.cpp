// What a processor has come to: something for GDB, or for us alone.
#include <algorithm>

#include "vmm/gdb/kvm_target.hpp"

namespace eremite::vmm::gdb {

namespace {

using Kind = Breakpoint::Kind;
constexpr uint32_t breakpoint_exception = 3;
constexpr uint64_t trap_flag = 0x100;

Stop stop_of(Kind kind, size_t processor, uint64_t address) {
    switch (kind) {
        case Kind::Software: return {Stop::Reason::SoftwareBreakpoint, processor, address};
        case Kind::Hardware: return {Stop::Reason::HardwareBreakpoint, processor, address};
        case Kind::WatchWrites: return {Stop::Reason::WatchWrites, processor, address};
        case Kind::WatchReads: return {Stop::Reason::WatchReads, processor, address};
        case Kind::WatchAccesses: break;
    }
    return {Stop::Reason::WatchAccesses, processor, address};
}

}  // namespace

std::optional<Stop> KvmTarget::judge(size_t index, const Exit& exit) {
    OneProcessor& one = processors_[index];
    find_handlers(index);
    if (patches_.waits()) patches_.follow(one.state.paging());
    if (one.steps_to_page && !patches_.waits_for(*one.steps_to_page)) one.steps_to_page.reset();
    switch (exit.kind) {
        case Exit::Kind::Other: return std::nullopt;
        case Exit::Kind::Breakpoint: {
            const auto stop = judge_breakpoint(index, one.state.rip());
            // Nobody can go on from an INT3 of the guest's own here.
            return stop || !is_int3(index, one.state.rip()) ? stop : Stop{.reason = Stop::Reason::Stepped, .processor = index};
        }
        case Exit::Kind::Debug: break;
    }
    if (exit.exception == breakpoint_exception) {
        const auto stop = judge_breakpoint(index, exit.pc);
        one.injects = !stop && is_int3(index, exit.pc);
        return stop;
    }
    for (size_t i = 0; i < debug_registers; ++i)
        if ((exit.dr6 >> i & 1) != 0 && one.registers[i]) return judge_register(index, *one.registers[i]);
    return judge_step(index);
}

std::optional<Stop> KvmTarget::judge_breakpoint(size_t index, uint64_t address) {
    const auto kind = patches_.at(address);
    return kind ? std::optional{stop_of(*kind, index, address)} : std::nullopt;
}

bool KvmTarget::is_int3(size_t index, uint64_t address) {
    std::byte byte{};
    return read_memory(index, address, {&byte, 1}) == 1 && byte == Patches::int3;
}

std::optional<Stop> KvmTarget::judge_register(size_t index, const Breakpoint& hit) {
    if (processors_[index].steps_to == hit.address) return judge_step(index);
    const bool is_ours = std::ranges::find(in_registers_, hit) == in_registers_.end();
    if (is_ours) return judge_handler(index, hit.address);
    return stop_of(hit.kind, index, hit.address);
}

// An exception has just come to one of the guest's handlers. What is the guest's own goes on there.
std::optional<Stop> KvmTarget::judge_handler(size_t index, uint64_t handler) {
    OneProcessor& one = processors_[index];
    // Before its first instruction, whose breakpoint must not come again.
    one.steps_over = true;
    if (handlers_ && handler == handlers_->page_fault) {
        const uint64_t page = one.state.faulting_page();
        if (!patches_.waits_for(page)) return std::nullopt;
        // Nothing tells when it will be there, but that the instruction has been executed that touched it; if it is not itself the one.
        const auto frame = debugs_ring_3_ ? std::nullopt : one.state.step_after_page_fault();
        if (!frame || patches_.at(frame->rip)) one.steps_to_page = page;
        return std::nullopt;
    }
    const auto frame = one.state.frame();
    if (!frame || !frame->is_of_ring_3()) return std::nullopt;
    if (handler == handlers_->breakpoint) {
        const uint64_t address = frame->rip - 1;
        const auto stop = judge_breakpoint(index, address);
        // One that has been removed since: its instruction is there again.
        if (!stop && is_int3(index, address)) return std::nullopt;
        one.state.undo(*frame, address);
        one.steps_over = false;
        return stop;
    }
    // A step has ended, even if its instruction cleared the flag for them; or the guest saved that flag during a step, and has restored it.
    if (!one.steps && (frame->rflags & trap_flag) == 0) return std::nullopt;
    one.state.undo(*frame, frame->rip);
    one.steps_over = false;
    return judge_step(index);
}

std::optional<Stop> KvmTarget::judge_step(size_t index) {
    OneProcessor& one = processors_[index];
    one.steps_over = false;
    for (Watch& watch : watches_) {
        std::vector<std::byte> now(watch.value.size());
        if (read_memory(index, watch.breakpoint.address, now) != now.size() || now == watch.value) continue;
        watch.value = now;
        return stop_of(watch.breakpoint.kind, index, watch.breakpoint.address);
    }
    if (one.action.kind != Action::Kind::Step) return std::nullopt;
    const uint64_t rip = one.state.rip();
    if (rip >= one.action.from && rip < one.action.end) return std::nullopt;
    return Stop{.reason = Stop::Reason::Stepped, .processor = index};
}

}  // namespace eremite::vmm::gdb

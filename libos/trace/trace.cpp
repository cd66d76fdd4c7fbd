#include "libos/trace/trace.hpp"

#include <asm/unistd.h>

#include <algorithm>

#include "libos/arch/signal_frame.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/log/log.hpp"
#include "libos/sched/threads.hpp"
#include "libos/signal/signals.hpp"
#include "libos/trace/arguments.hpp"
#include "libos/trace/call.hpp"
#include "libos/trace/descriptions.hpp"
#include "libos/trace/lines.hpp"
#include "libos/trace/pattern.hpp"
#include "libos/trace/values.hpp"

namespace eremite::trace {

namespace {

constinit bool enabled = false;
constinit Selection selected{};

void explain(std::string_view word) {
    Part groups;
    write_group_names(groups.sink());
    log::error("trace: \"{}\" stands for no system call; write names, with * for any characters, and groups ({}), with commas between them, "
               "and ! before the list for all others", word, groups.text());
}

// Comes back elsewhere, or not at all: shown when it begins.
bool shown_at_once(const Call& call) {
    Part line;
    TextSink& out = line.sink();
    switch (call.number) {
    case __NR_exit:
    case __NR_exit_group: {
        const bool process_ends = call.number == __NR_exit_group || sched::thread_count() == 1;
        write_start(out, call);
        out.write(") = ?");
        write_line(line.text());
        Part end;
        format(end.sink(), "+++ exited with {} +++", call.arguments[0] & 0xff);
        if (process_ends) write_last_line(end.text());
        else write_line(end.text());
        return true;
    }
    case __NR_rt_sigreturn: {
        const auto interrupted = arch::interrupted_code();
        if (!interrupted.ok()) return false;
        out.write("rt_sigreturn({mask=");
        write_value(out, Kind::SignalMask, interrupted.value().mask);
        format(out, "}) = {}", interrupted.value().result);
        write_line(line.text());
        return true;
    }
    default: return false;
    }
}

}  // namespace

Result<void> start(std::string_view value) {
    constexpr std::string_view subject = "syscalls";
    const bool has_pattern = value.starts_with("syscalls:");
    if (value != subject && !has_pattern) {
        log::error("trace={}: only system calls can be traced: trace=syscalls, or trace=syscalls:PATTERN", value);
        return Error{EINVAL};
    }
    if (!has_pattern) {
        selected.invert();
    } else if (const auto offender = parse_pattern(value.substr(subject.size() + 1), selected)) {
        explain(*offender);
        return Error{EINVAL};
    }
    enabled = true;
    return arch::trace_system_calls();
}

void signal_delivered(const siginfo_t& information) {
    if (!enabled) return;
    Part line;
    line.sink().write("--- ");
    write_value(line.sink(), Kind::Signal, static_cast<uint32_t>(information.si_signo));
    line.sink().write(" ");
    write_signal_information(line.sink(), information);
    line.sink().write(" ---");
    write_line(line.text());
}

void program_killed(int signal) {
    if (!enabled) return;
    Part line;
    line.sink().write("+++ killed by ");
    write_value(line.sink(), Kind::Signal, static_cast<uint32_t>(signal));
    line.sink().write(signal::dumps_core(signal) ? " (core dumped) +++" : " +++");
    write_last_line(line.text());
}

}  // namespace eremite::trace

namespace eremite::arch {

void system_call_begins(uint64_t number, const uint64_t (&arguments)[6]) {
    using namespace trace;
    sched::Thread& thread = sched::current_thread();
    thread.traced = selected.contains(number);
    if (!thread.traced) return;
    thread.traced_call = number;
    Call call{number, {}};
    std::copy(std::begin(arguments), std::end(arguments), call.arguments);
    if (shown_at_once(call)) return;
    Part start;
    write_start(start.sink(), call);
    begin_line(start.text());
}

void system_call_ends(int64_t result, const uint64_t (&arguments)[6]) {
    using namespace trace;
    const sched::Thread& thread = sched::current_thread();
    if (!thread.traced) return;
    Call call{thread.traced_call, {}, result};
    std::copy(std::begin(arguments), std::end(arguments), call.arguments);
    Part name, end;
    write_name(name.sink(), call.number);
    write_end(end.sink(), call);
    finish_line(name.text(), end.text());
}

}  // namespace eremite::arch

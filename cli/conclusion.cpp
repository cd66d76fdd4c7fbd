#include "cli/conclusion.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <filesystem>
#include <system_error>

#include "cli/backtrace.hpp"
#include "cli/failure.hpp"
#include "cli/stats_table.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

namespace {

std::string hint_for(std::string_view messages, const RunOptions& options) {
    if (options.network) {
        if (const std::string why = explain_network_failure(messages, *options.network); !why.empty()) return why;
    }
    const auto says = [messages](std::string_view text) { return messages.find(text) != std::string_view::npos; };
    if (says("Could not access KVM") || says("failed to initialize kvm"))
        return "KVM is not usable here; run with --accel tcg, or see `eremite doctor`";
    if (says("id=capture")) return fmt::format("--pcap {}: this file cannot be written", options.capture);
    if (says("Address already in use")) return "another program listens on the debugger's port; choose one with --gdb PORT";
    if (says("Failed to get \"write\" lock") || says("Failed to get shared \"write\" lock"))
        return "another machine has this volume: only one at a time can, unless all mount it with :ro";
    if (says("cannot set up guest memory") || says("Cannot allocate memory"))
        return "this host has not that much memory; use a smaller --memory";
    if (says("Invalid SMP CPUs") || says("maxcpus")) return "this machine cannot have so many CPUs; use a smaller --cpus";
    return "see `eremite doctor` for what this host can do, and --dry-run for the command";
}

// QEMU does not say when the file that it writes is cut short, by a full disk for one.
void check_capture(const RunOptions& options, const Report& report) {
    const auto captured = report.stat("network.captured_bytes");
    std::error_code error;
    if (!captured || !fs::is_regular_file(options.capture, error) || fs::file_size(options.capture, error) == *captured) return;
    fmt::print(stderr, "eremite: --pcap {}: the file is not complete: {} bytes of packets were captured\n", options.capture, *captured);
}

}  // namespace

int conclude(const RunOptions& options, Vmm vmm, const std::vector<fs::path>& executables, const SessionEnd& end) {
    for (const std::string& line : end.report.malformed)
        fmt::print(stderr, "eremite: the image reported something not understood: {}\n", line);
    if (end.report.crashed) {
        fmt::print(stderr, "the machine failed:\n{}", describe_crash(executables, end.report));
    } else if (end.report.fault) {
        fmt::print(stderr, "{}", describe_fault(executables.back(), end.report));
    }
    if (options.stats) fmt::print(stderr, "{}", format_stats(end));
    check_capture(options, end.report);
    if (end.report.exit_status) return *end.report.exit_status;
    if (end.report.fault) return exit_status::signal_base + end.report.fault->signal;
    if (end.ended_by_signal) return exit_status::signal_base + *end.ended_by_signal;
    if (end.timed_out) {
        fmt::print(stderr, "eremite: stopped after {} s (--timeout)\n", *options.timeout);
        return exit_status::timed_out;
    }
    if (WIFSIGNALED(end.wait_status)) {
        throw Failure{exit_status::eremite_failed, fmt::format("{} died by signal {}\n{}", vmm == Vmm::Cell ? "cell" : "QEMU", WTERMSIG(end.wait_status), end.vmm_messages)};
    }
    const bool failed_to_start = !end.output_seen && !end.vmm_messages.empty();
    if (failed_to_start) {
        throw Failure{exit_status::eremite_failed,
                      vmm == Vmm::Cell ? end.vmm_messages.substr(0, end.vmm_messages.find_last_not_of('\n') + 1) : fmt::format("QEMU did not start:\n{}{}", end.vmm_messages, hint_for(end.vmm_messages, options))};
    }
    const int status = WEXITSTATUS(end.wait_status);
    // The debug-exit device: QEMU's status is the guest's, doubled, plus one. A program that ends well reports that, so that 1 alone
    // is QEMU's own failure.
    if (status % 2 == 1 && status != 1) return status / 2;
    if (status != 0) {
        throw Failure{exit_status::eremite_failed,
                      fmt::format("{} ended with status {} before the program did\n{}", vmm == Vmm::Cell ? "cell" : fmt::format("QEMU ({})", options.qemu), status,
                                  end.vmm_messages)};
    }
    throw Failure{
        exit_status::eremite_failed,
        fmt::format("the machine ended without an exit status: it reset itself (a triple fault in the kernel) or was switched off\n{}",
                    end.vmm_messages)};
}

}  // namespace eremite::cli

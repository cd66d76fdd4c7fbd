#include "cli/doctor_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/host_facts.hpp"
#include "cli/installation.hpp"
#include "cli/trial_image.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

namespace {

enum class Verdict { Ok, Warn, Fail };

// Prints a line at once, since some answers take a while.
void tell(Verdict verdict, std::string_view subject, std::string_view finding, std::string_view remedy = {}) {
    constexpr std::array names{"ok  ", "warn", "fail"};
    fmt::print("{}  {:<14} {}{}{}\n", names[static_cast<size_t>(verdict)], subject, finding, remedy.empty() ? "" : "; ", remedy);
    std::fflush(stdout);
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

std::optional<fs::path> check_qemu() {
    try {
        const fs::path qemu = find_qemu("qemu-system-x86_64");
        const Captured version = capture({qemu.string(), "--version"});
        if (version.status != 0) {
            tell(Verdict::Fail, "QEMU", fmt::format("{} does not start: {}", qemu.string(), first_line(version.output)),
                 "sudo apt-get install --reinstall qemu-system-x86");
            return std::nullopt;
        }
        tell(Verdict::Ok, "QEMU", fmt::format("{} ({})", first_line(version.output), qemu.string()));
        return qemu;
    } catch (const Failure&) {
        tell(Verdict::Fail, "QEMU", "not installed", "sudo apt-get install qemu-system-x86");
        return std::nullopt;
    }
}

void check_kvm(const HostFacts& facts) {
    const KvmMeasurement& kvm = facts.kvm;
    switch (kvm.state) {
        case KvmState::Absent:
            tell(Verdict::Warn, "KVM", "no /dev/kvm: machines are emulated (TCG), ten times slower or more",
                 "turn on virtualization in the firmware or the outer hypervisor, then: sudo modprobe kvm_intel or kvm_amd");
            break;
        case KvmState::NotPermitted:
            tell(Verdict::Warn, "KVM", "this user may not open /dev/kvm", "sudo usermod -aG kvm $USER, and log in again");
            break;
        case KvmState::Broken:
            tell(Verdict::Warn, "KVM", fmt::format("/dev/kvm opens, but a trial failed: {}", kvm.detail), "machines are emulated (TCG)");
            break;
        case KvmState::Works: {
            const bool hardware = kvm.ring0_ns < interpreted_ring0_ns;
            tell(hardware ? Verdict::Ok : Verdict::Warn, "KVM ring 0",
                 fmt::format("{:.2f} ns an instruction{}", kvm.ring0_ns, hardware ? "" : ": interpreted, not run by hardware"));
            if (kvm.ring3_works) {
                tell(Verdict::Ok, "KVM ring 3", fmt::format("{:.2f} ns an instruction", kvm.ring3_ns));
            } else {
                tell(Verdict::Warn, "KVM ring 3", fmt::format("does not work: {}", kvm.detail));
            }
        }
    }
    for (const Machine machine : {Machine::Microvm, Machine::Q35}) {
        const AcceleratorChoice choice = choose_accelerator(machine, kvm);
        tell(Verdict::Ok, fmt::format("for {}", name_of(machine)),
             fmt::format("{} is used: {}", name_of(choice.accelerator), choice.reason));
        if (machine != Machine::Microvm) continue;
        const VmmChoice monitor = choose_vmm(choice.accelerator, {});
        tell(Verdict::Ok, "monitor", fmt::format("{} is used: {}; --vmm chooses", name_of(monitor.vmm), monitor.reason));
    }
    if (facts.tsc_khz == 0) {
        tell(Verdict::Warn, "clock", "the frequency of the time stamp counter could not be measured");
    } else {
        tell(Verdict::Ok, "clock", fmt::format("time stamp counter at {:.3f} MHz", static_cast<double>(facts.tsc_khz) / 1000));
    }
}

// Boots a tiny image; the one check that shows that runs are possible.
bool check_trial(const fs::path& qemu, Accelerator accelerator) {
    const std::string subject = fmt::format("{} trial", name_of(accelerator));
    const Trial trial = run_trial_image(qemu, accelerator);
    if (!trial.failure.empty()) {
        tell(accelerator == Accelerator::Tcg ? Verdict::Fail : Verdict::Warn, subject,
             fmt::format("a tiny image did not run: {}", first_line(trial.failure)));
        return false;
    }
    tell(Verdict::Ok, subject,
         fmt::format("a tiny image booted and ended in {:.0f} ms, at {:.2f} ns an instruction", trial.milliseconds, trial.instruction_ns));
    return true;
}

void check_helpers() {
    // Debian 12 has it beside QEMU's other helpers, later releases in a folder of the same kind.
    const bool has_virtiofsd = fs::exists("/usr/lib/qemu/virtiofsd") || fs::exists("/usr/libexec/virtiofsd") || find_in_path("virtiofsd");
    if (has_virtiofsd) {
        tell(Verdict::Ok, "virtiofsd", "found: folders of the host can be shared");
    } else {
        tell(Verdict::Warn, "virtiofsd", "not installed: no shared folders",
             "sudo apt-get install virtiofsd, or on Debian 12 qemu-system-common");
    }
    const UniqueFd tun{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    if (!tun) {
        tell(Verdict::Warn, "TAP", "/dev/net/tun cannot be opened: no TAP networking", "sudo modprobe tun");
    } else {
        tell(Verdict::Ok, "TAP",
             ::geteuid() == 0 ? "devices can be made" : "/dev/net/tun opens; making a device takes root (sudo ip tuntap add ...)");
    }
    struct Tool {
        const char* name;
        const char* package;
        const char* use;
    };
    for (const Tool& tool :
         {Tool{"g++", "g++", "C++ programs"}, Tool{"gcc", "gcc", "C programs"}, Tool{"gfortran", "gfortran", "Fortran programs"},
          Tool{"clang++", "clang", "C++ programs with clang"}, Tool{"gdb", "gdb", "--gdb"}}) {
        if (const auto path = find_in_path(tool.name)) {
            tell(Verdict::Ok, tool.name, first_line(capture({path->string(), "--version"}).output));
        } else {
            tell(Verdict::Warn, tool.name, fmt::format("not installed; needed for {}", tool.use),
                 fmt::format("sudo apt-get install {}", tool.package));
        }
    }
    for (const char* const wrapper : {"eremite-c++", "eremite-cc", "eremite-fortran"}) {
        if (!find_companion(wrapper))
            tell(Verdict::Warn, wrapper, "not beside this command: `eremite build` lacks it", "build or install Eremite whole");
    }
    if (!find_data("eremite-kernel")) {
        tell(Verdict::Warn, "eremite-kernel", "not beside this command: unmodified executables cannot be booted",
             "build or install Eremite whole");
    }
}

// Debian packages of the source tree's list that dpkg does not know as installed. Only where there is a source tree.
void check_packages() {
    const char* const source = std::getenv("EREMITE_SOURCE_DIR");
    if (source == nullptr || !find_in_path("dpkg-query")) return;
    const auto text = read_text(fs::path{source} / "scripts/packages.txt");
    if (!text) return;
    std::istringstream lines{*text};
    std::string missing;
    for (std::string line; std::getline(lines, line);) {
        std::string name;
        if (!(std::istringstream{line.substr(0, line.find('#'))} >> name)) continue;
        const Captured query = capture({"dpkg-query", "-W", "-f", "${db:Status-Status}", name});
        if (query.status != 0 || query.output != "installed") missing += " " + name;
    }
    if (missing.empty()) {
        tell(Verdict::Ok, "packages", "all of scripts/packages.txt are installed");
    } else {
        tell(Verdict::Warn, "packages", "some are missing", "sudo apt-get install --no-install-recommends" + missing);
    }
}

}  // namespace

int doctor_command() {
    const std::optional<fs::path> qemu = check_qemu();
    const HostFacts facts = host_facts(true);
    check_kvm(facts);
    bool can_run = false;
    if (qemu) {
        can_run = check_trial(*qemu, Accelerator::Tcg);
        if (facts.kvm.state == KvmState::Works) can_run = check_trial(*qemu, Accelerator::Kvm) || can_run;
    }
    check_helpers();
    check_packages();
    fmt::print("{}\n", can_run ? "Programs can be run here." : "Programs cannot be run here.");
    return can_run ? 0 : 1;
}

}  // namespace eremite::cli

#include "cli/backtrace.hpp"

#include <gtest/gtest.h>
#include <link.h>
#include <signal.h>
#include <ucontext.h>

#include <cstring>

namespace eremite::cli {

// Outside the unnamed namespace, so that their names are what one expects in a backtrace.
__attribute__((noinline)) void crash_site(Report& report);
__attribute__((noinline)) void crash_caller(Report& report, int depth);

namespace {

uint64_t load_bias() {
    uint64_t bias = 0;
    // The first object is the executable.
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* result) {
            *static_cast<uint64_t*>(result) = info->dlpi_addr;
            return 1;
        },
        &bias);
    return bias;
}

// The report a dead program would leave, taken from this living one.
Report* pending_report = nullptr;

__attribute__((no_sanitize("address"))) void take_report(int signal, siginfo_t* info, void* context) {
    const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    Report& report = *pending_report;
    report.fault = Fault{signal, reinterpret_cast<uint64_t>(info->si_addr)};
    const std::pair<const char*, int> names[]{{"rip", REG_RIP}, {"rsp", REG_RSP}, {"rbp", REG_RBP}, {"rbx", REG_RBX},
                                              {"r12", REG_R12}, {"r13", REG_R13}, {"r14", REG_R14}, {"r15", REG_R15}};
    for (const auto& [name, number] : names) report.registers[name] = static_cast<uint64_t>(registers[number]);
    const auto stack = static_cast<uint64_t>(registers[REG_RSP]);
    StackPiece piece{stack, {}};
    // Byte by byte: the sanitizer would see a copy of other functions' frames.
    for (size_t i = 0; i < 2048; ++i) piece.bytes += reinterpret_cast<const char*>(stack)[i];
    report.stack.push_back(piece);
    report.bias = load_bias();
    // Past the ud2 of crash_site.
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] += 2;
}

}  // namespace

void crash_site(Report& report) {
    pending_report = &report;
    asm volatile("ud2");
    asm volatile("" ::: "memory");
}

void crash_caller(Report& report, int depth) {
    if (depth > 0) {
        crash_caller(report, depth - 1);
    } else {
        crash_site(report);
    }
    asm volatile("" ::: "memory");
}

namespace {

TEST(Backtrace, UnwindsFromRegistersAndStack) {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_sigaction = take_report;
    action.sa_flags = SA_SIGINFO;
    ASSERT_EQ(sigaction(SIGILL, &action, &before), 0);
    Report report;
    crash_caller(report, 2);
    ASSERT_EQ(sigaction(SIGILL, &before, nullptr), 0);
    const std::string text = describe_fault("/proc/self/exe", report);
    EXPECT_EQ(text.find("program died: SIGILL (illegal instruction) at address 0x"), 0) << text;
    const size_t site = text.find("#0");
    EXPECT_NE(text.find("crash_site(eremite::cli::Report&)", site), std::string::npos) << text;
    EXPECT_NE(text.find("backtrace_test.cpp:", site), std::string::npos) << text;
    size_t callers = 0;
    for (size_t at = text.find("crash_caller("); at != std::string::npos; at = text.find("crash_caller(", at + 1)) ++callers;
    EXPECT_EQ(callers, 3) << text;
}

TEST(Backtrace, WithoutStackNamesThePlace) {
    Report report;
    report.fault = Fault{SIGSEGV, 0};
    report.bias = load_bias();
    report.registers["rip"] = reinterpret_cast<uint64_t>(&crash_site) + 1;
    const std::string text = describe_fault("/proc/self/exe", report);
    EXPECT_NE(text.find("SIGSEGV (invalid memory access) at address 0x0"), std::string::npos);
    EXPECT_NE(text.find("crash_site"), std::string::npos) << text;
}

TEST(Backtrace, CallOfANullPointerNamesTheCaller) {
    Report report;
    report.fault = Fault{SIGSEGV, 0};
    report.bias = load_bias();
    report.registers["rip"] = 0;
    report.registers["rsp"] = 0x1000;
    const uint64_t return_address = reinterpret_cast<uint64_t>(&crash_site) + 1;
    StackPiece piece{0x1000, std::string(sizeof return_address, '\0')};
    std::memcpy(piece.bytes.data(), &return_address, sizeof return_address);
    report.stack.push_back(piece);
    const std::string text = describe_fault("/proc/self/exe", report);
    EXPECT_NE(text.find("#0  0x0  (not in the program)"), std::string::npos) << text;
    EXPECT_NE(text.find("crash_site", text.find("#1")), std::string::npos) << text;
}

TEST(Backtrace, SaysWhyThereIsNone) {
    Report report;
    report.fault = Fault{SIGSEGV, 16};
    EXPECT_NE(describe_fault("/proc/self/exe", report).find("no registers"), std::string::npos);
    EXPECT_NE(describe_fault("/nonexistent", report).find("no backtrace: /nonexistent"), std::string::npos);
    report.registers["rip"] = 0x7f0000000000;
    EXPECT_NE(describe_fault("/proc/self/exe", report).find("not in the program"), std::string::npos);
}

TEST(DescribeSignal, KnowsNames) {
    EXPECT_EQ(describe_signal(SIGSEGV), "SIGSEGV (invalid memory access)");
    EXPECT_EQ(describe_signal(SIGTERM), "SIGTERM");
    EXPECT_EQ(describe_signal(63), "signal 63");
}

TEST(Crash, WithoutRegistersOrExecutables) {
    Report report;
    EXPECT_NE(describe_crash({}, report).find("no backtrace"), std::string::npos);
    report.registers["rip"] = 0x1000;
    report.stack.push_back({0x2000, std::string(64, '\x41')});
    const std::filesystem::path missing = "/nowhere/program";
    const std::string text = describe_crash(std::span{&missing, 1}, report);
    EXPECT_NE(text.find("#0  0x1000  (not in the program)"), std::string::npos) << text;
    EXPECT_EQ(text.find("#1"), std::string::npos) << text;
}

}  // namespace
}  // namespace eremite::cli

#pragma once
// The story of a program that died by a fault: what happened, and the functions that were active, from the executable's own
// debugging information and the registers and stack that the image reported.
#include <filesystem>
#include <span>
#include <string>

#include "cli/report.hpp"

namespace eremite::cli {

// "SIGSEGV (invalid memory access)".
std::string describe_signal(int signal);

// Lines for the user, the first naming the signal and address; then one per frame of the program (address, function, source line).
// Unwinding goes as far as the reported stack and the executable's tables (.eh_frame or .debug_frame) lead; without them only the place of
// the fault is named. Requires: report.fault is set.
std::string describe_fault(const std::filesystem::path& executable, const Report& report);

// Where a machine was when it failed: what its processor did, and what may have called it, by the symbols of the executables in it (its kernel and
// its program, or an image of both). The kernel has no tables for unwinding, so all that looks like a return address on its stack is told, with a
// question mark. Lines; never throws for a bad executable.
std::string describe_crash(std::span<const std::filesystem::path> executables, const Report& report);

}  // namespace eremite::cli

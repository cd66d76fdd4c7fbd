#pragma once
// Where the command finds its companions: in the build tree and when installed they stand beside it or in folders near it.
#include <filesystem>
#include <optional>
#include <string>

namespace eremite::cli {

// A compiler wrapper or another program beside this command ("eremite-c++"), else in PATH. Nothing when it is in neither.
std::optional<std::filesystem::path> find_companion(const std::string& name);

// A data file: in the build tree's root or beside the command, or installed in lib/eremite or share/eremite. Nothing when it is nowhere.
std::optional<std::filesystem::path> find_data(const std::string& name);

// The kernel that boots an unmodified executable. Throws Failure (125) when it is not there.
std::filesystem::path find_kernel();

// A program the user named: a file, or an example in the build tree when the name has no slash. Throws Failure (127).
std::filesystem::path find_program(const std::string& name);

// QEMU, by name in PATH or by path. Throws Failure (125) naming the Debian package.
std::filesystem::path find_qemu(const std::string& name);

}  // namespace eremite::cli

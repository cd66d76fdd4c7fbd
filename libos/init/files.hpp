#pragma once
// The file systems at boot, and the program among them.
#include <span>

#include "libos/init/kernel_arguments.hpp"
#include "libos/init/program.hpp"
#include "libos/process/process.hpp"

namespace eremite::init {

// Mounts `/` (from the boot modules that are archives), /dev and /proc, and opens descriptors 0, 1 and 2.
// EINVAL: an archive is malformed (the log says where).
[[nodiscard]] Result<void> start_files(process::Process& process, std::span<const PhysicalRange> modules, const KernelArguments& arguments);

// Loads the executable for `eremite-kernel`: the one that `init=` names, else the boot module that is an ELF file.
// ENOENT: there is none; ENOEXEC: it cannot be run (the log says why).
[[nodiscard]] Result<Program> load_program(process::Process& process, std::span<const PhysicalRange> modules, const KernelArguments& arguments);

}  // namespace eremite::init

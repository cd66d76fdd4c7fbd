#include "cli/installation.hpp"

#include <fmt/format.h>

#include <system_error>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

namespace {

// The folder of this command.
fs::path command_folder() {
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    if (error) throw Failure{exit_status::eremite_failed, fmt::format("/proc/self/exe: {}", error.message())};
    return self.parent_path();
}

bool is_file(const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(path, error);
}

}  // namespace

std::optional<fs::path> find_companion(const std::string& name) {
    if (const fs::path beside = command_folder() / name; is_file(beside)) return beside;
    return find_in_path(name);
}

std::optional<fs::path> find_data(const std::string& name) {
    const fs::path here = command_folder();
    for (const fs::path& folder :
         {here, here.parent_path() / "lib", here.parent_path() / "lib/eremite", here.parent_path() / "share/eremite", here.parent_path(),
          here.parent_path() / "libos/syscall", here.parent_path() / "libos"}) {
        if (is_file(folder / name)) return folder / name;
    }
    return std::nullopt;
}

fs::path find_kernel() {
    if (const auto kernel = find_data("eremite-kernel")) return *kernel;
    throw Failure{exit_status::eremite_failed,
                  "the kernel for unmodified executables (eremite-kernel) is not beside this command; build or install it"};
}

fs::path find_program(const std::string& name) {
    std::error_code error;
    if (is_file(name)) return name;
    if (name.find('/') == std::string::npos) {
        if (const fs::path example = command_folder() / name; is_file(example)) return example;
    }
    if (fs::exists(name, error)) return name;
    throw Failure{exit_status::not_found, fmt::format("{}: no such file, nor an example of this name", name)};
}

fs::path find_qemu(const std::string& name) {
    if (const auto path = find_in_path(name)) return *path;
    throw Failure{exit_status::eremite_failed,
                  fmt::format("{} is not installed: sudo apt-get install qemu-system-x86 (or name another one with --qemu PATH)", name)};
}

}  // namespace eremite::cli

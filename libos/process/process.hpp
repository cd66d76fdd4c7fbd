#pragma once
// The one program of this machine: what Linux calls a process.
#include "libos/fs/context.hpp"
#include "libos/fs/file_table.hpp"
#include "libos/mm/address_space.hpp"

namespace eremite::process {

class Process {
public:
    explicit Process(mm::AddressSpace& address_space) : address_space_{address_space} {}
    [[nodiscard]] mm::AddressSpace& address_space() { return address_space_; }
    [[nodiscard]] fs::FileTable& files() { return files_; }
    [[nodiscard]] fs::Context& fs() { return fs_; }

private:
    mm::AddressSpace& address_space_;
    fs::FileTable files_;
    fs::Context fs_;
};

// Null until the start has made it (init/main.cpp).
extern Process* program;

// The program that made the current system call.
[[nodiscard]] inline Process& current() { return *program; }

// Ends the program and with it the machine. `status`: 0 to 255.
[[noreturn]] void end(int status);

}  // namespace eremite::process

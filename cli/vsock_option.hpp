#pragma once
// The option --vsock: sockets between programs of the host and the program, which need no network.
#include <cstdint>
#include <string>

#include "cli/qemu_command.hpp"

namespace eremite::cli {

// What `--vsock TEXT` asks for: our own monitor takes the path of a Unix socket; QEMU, behind which Linux connects its own sockets between machines,
// the machine's number. Throws Failure: the other kind was given.
VsockDevice parse_vsock_option(const std::string& text, Vmm vmm);
// Throws Failure: it is of Linux's kind, and this host has none of it.
void require_vsock(const VsockDevice& device);

}  // namespace eremite::cli

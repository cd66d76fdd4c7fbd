#pragma once
// The command line `[kernel arguments] -- [program arguments]`. Words are separated by spaces; a word may stand in double
// quotes, where \" \\ and \n are escapes. In quotes a word is never the separator `--` nor a device announcement.
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/vector.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

// mount=TAG:/path[:ro][:uncached][:patience=SECONDS]: a folder that the host shares under this tag.
struct MountArgument {
    std::string_view tag;
    std::string_view path;
    bool read_only = false;
    bool uncached = false;
    uint32_t patience = 60;  // seconds after which a server that takes nothing more is dead
};

// What network interfaces get (docs/network.md); empty: what else there is. The first three may come several times.
struct NetworkArguments {
    Vector<std::string_view> addresses;  // ip=ADDRESS[/LENGTH][@INTERFACE]
    Vector<std::string_view> gateways;   // gateway=ADDRESS
    std::string_view dns;                // dns=ADDRESS[,ADDRESS]
    std::string_view mtu;                // mtu=BYTES
    std::string_view host_name;          // hostname=NAME
    std::string_view capture;            // pcap=console
};

struct KernelArguments {
    Vector<std::string_view> program_arguments;  // with argv[0], see argv()
    Vector<std::string_view> environment;        // "NAME=VALUE"
    Vector<MountArgument> mounts;                // mount=
    NetworkArguments network;
    Vector<std::string_view> devices;            // virtio_mmio.device=, wherever it stands
    Vector<std::string_view> unknown;            // kernel arguments that nobody knows
    std::string_view program_name = "program";   // arg0=
    std::string_view trace;                      // trace=syscalls[:PATTERN]; empty: nothing
    std::string_view generation;                 // vmgenid=0xADDRESS:LINE
    std::string_view init_path;                  // init=: the program inside the archive
    log::Level log_level = log::Level::Warn;     // log=error|warn|info|debug
    uint64_t tsc_khz = 0;                        // tsc_mhz=, decimals allowed; 0: find out
    uint32_t cpus = ~0u;                         // cpus=: use so many at most
    uint32_t idle_poll = 200;                    // idle_poll=: microseconds (sched::set_idle_poll())
    bool terminal = true;                        // tty=0|1
    bool framed_input = false;                   // stdin=framed|raw
    bool virtio_streams = false;                 // streams=ports|console
    bool balloon = false;                        // balloon=0|1: free memory is reported to the host
    bool disks = false;                          // disks=0|1: /dev/vda and so on
    bool statistics = false;                     // stats=0|1

    // argv[0] and the program's arguments. Requires: parsed.
    [[nodiscard]] std::span<const std::string_view> argv() const { return program_arguments.span(); }
};

// Splits `text` in place (quoted words are unescaped); the result points into it. EINVAL: an unterminated quote, or a
// malformed or missing value, with the offending word in `offender`; ENOMEM.
[[nodiscard]] Result<void> parse_kernel_arguments(std::span<char> text, KernelArguments& out, std::string_view& offender);

}  // namespace eremite::init

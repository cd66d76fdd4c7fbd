#pragma once
// The QEMU command line for an image. It sets up just the devices of abi/host_channel.hpp and a random number generator.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/accelerator.hpp"

namespace eremite::cli {

// A folder of the host that the machine finds as a device with this tag: virtio-fs if a daemon serves it, else virtio-9p.
struct SharedFolder {
    std::string tag;
    std::string path;
    bool read_only = false;
    int daemon = -1;  // descriptor of the connection to it
};

// A file that the machine finds as a virtio disk with this serial number.
struct VolumeFile {
    std::string tag;
    std::string path;
    bool read_only = false;
};

// A port of the host that leads to one of the machine's.
struct ForwardedPort {
    std::string address;
    uint16_t host_port = 0;
    uint16_t machine_port = 0;
    bool udp = false;
};

// A network interface: of a TAP device, or if that is empty of a network that QEMU makes.
struct NetworkInterface {
    std::string tap;
    unsigned queues = 1;          // pairs of them, of a TAP device that takes several if it is more than one
    std::string machine_address;  // IPv4, to which ports are forwarded; empty: the one that QEMU gives by DHCP
    std::vector<ForwardedPort> forwarded;
};

// Sockets between machines: by a Unix socket of this path, or if that is empty as Linux has them.
struct VsockDevice {
    std::string path;
    uint32_t cid = 3;  // the machine's number
};

struct VirtualMachine {
    Vmm vmm = Vmm::Qemu;
    std::string qemu = "qemu-system-x86_64";
    Machine machine = Machine::Microvm;
    Accelerator accelerator = Accelerator::Tcg;
    uint64_t memory = uint64_t{128} << 20;  // bytes
    unsigned cpus = 1;
    std::optional<std::string> cpu_model;  // as QEMU names it; default: what suits the accelerator
    bool count_instructions = false;  // virtual time is the count of guest instructions, one a nanosecond
    uint64_t tsc_khz = 0;  // of the host's time stamp counter; 0: not known
    std::string kernel;
    std::optional<std::string> initrd;
    std::string kernel_command_line;
    std::vector<SharedFolder> folders;
    std::vector<VolumeFile> volumes;
    std::optional<NetworkInterface> network;
    std::optional<VsockDevice> vsock;
    std::string capture;  // a file for the packets that the image captures; empty: none
    // For our own monitor only: what the machine cost is reported as statistics, each exit of a processor is shown on standard error, and memory
    // is of the host's huge pages.
    bool statistics = false, trace_exits = false;
    bool huge_pages = false;
    bool balloon = false;  // free memory comes back to the host
    std::vector<unsigned> affinity;  // the host's CPU for each of the machine's; empty: any
    // The same: a file for a snapshot, or one that the machine goes on from; `kernel_command_line` is then what is new to it. Empty: none.
    std::string snapshot, restored;
    std::string notes;  // that stand in the snapshot
    std::optional<uint16_t> gdb_port;  // wait there for a debugger before the first instruction
    // Files that QEMU opens for the image's log and report.
    std::string log_path = "/dev/stderr";
    std::string report_path = "/dev/null";
};

// The words of the command; the program's input and output are QEMU's own standard input and output.
std::vector<std::string> qemu_command(const VirtualMachine& machine);

}  // namespace eremite::cli

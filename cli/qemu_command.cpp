#include "cli/qemu_command.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "abi/host_channel.hpp"

namespace eremite::cli {

namespace {

// In QEMU's option lists a comma is written twice.
std::string escape_commas(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        escaped += c;
        if (c == ',') escaped += c;
    }
    return escaped;
}

std::string memory_option(uint64_t bytes) {
    constexpr uint64_t mib = uint64_t{1} << 20;
    return bytes % mib == 0 ? fmt::format("{}M", bytes / mib) : fmt::format("{}K", bytes / 1024);
}

// QEMU emulates `rep movsb` a byte at a time, so a guest must not be told that it is fast. Nor is there AVX2, which a C library
// sets memory with: QEMU runs it as 256-bit instructions of the host, and leaves the host's registers in a state where all
// floating-point arithmetic that follows is up to eight times slower, until an interrupt or a TLB flush.
constexpr const char* emulated_cpu = "max,-erms,-fsrm,-avx2";

void add_accelerator(std::vector<std::string>& words, const VirtualMachine& machine) {
    if (machine.accelerator == Accelerator::Kvm && !machine.count_instructions) {
        words.insert(words.end(), {"-accel", "kvm", "-cpu", machine.cpu_model.value_or("host,-arch-capabilities")});
        return;
    }
    words.insert(words.end(), {"-accel", machine.count_instructions ? "tcg,thread=single" : "tcg,thread=multi"});
    if (machine.count_instructions) words.insert(words.end(), {"-icount", "shift=0"});
    words.insert(words.end(), {"-cpu", machine.cpu_model.value_or(emulated_cpu)});
}

void add_network(std::vector<std::string>& words, const NetworkInterface& network, bool microvm) {
    std::string backend = "user,id=net";
    if (!network.tap.empty()) backend = fmt::format("tap,id=net,ifname={},script=no,downscript=no", escape_commas(network.tap));
    std::string device = fmt::format("{},netdev=net", microvm ? "virtio-net-device" : "virtio-net-pci");
    if (network.queues > 1) {
        backend += fmt::format(",queues={}", network.queues);
        device += ",mq=on";
        // Each queue has an interrupt, and so do the configuration and the control queue.
        if (!microvm) device += fmt::format(",vectors={}", 2 * network.queues + 2);
    }
    for (const ForwardedPort& port : network.forwarded)
        backend += fmt::format(",hostfwd={}:{}:{}-{}:{}", port.udp ? "udp" : "tcp", port.address, port.host_port, network.machine_address, port.machine_port);
    words.insert(words.end(), {"-netdev", backend, "-device", device});
}

}  // namespace

std::vector<std::string> qemu_command(const VirtualMachine& machine) {
    const bool microvm = machine.machine == Machine::Microvm;
    std::vector<std::string> words{machine.qemu, "-M"};
    if (microvm) {
        words.insert(words.end(), {"microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on,auto-kernel-cmdline=off", "-global",
                                   "virtio-mmio.force-legacy=false"});
    } else {
        words.emplace_back("q35");
    }
    words.insert(words.end(), {"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"});
    add_accelerator(words, machine);
    // Daemons work in the machine's memory.
    if (std::any_of(machine.folders.begin(), machine.folders.end(), [](const SharedFolder& folder) { return folder.daemon >= 0; })) {
        words.insert(words.end(), {"-object", fmt::format("memory-backend-memfd,id=memory,size={},share=on", memory_option(machine.memory)),
                                   "-machine", "memory-backend=memory"});
    }
    words.insert(words.end(), {"-m", memory_option(machine.memory), "-smp", fmt::format("{}", machine.cpus)});
    words.insert(words.end(), {"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"});
    const auto add_debugcon = [&words](const std::string& id, const std::string& path, uint16_t port) {
        words.insert(words.end(), {"-chardev", fmt::format("file,id={},path={},append=on", id, escape_commas(path)), "-device",
                                   fmt::format("isa-debugcon,iobase={:#x},chardev={}", port, id)});
    };
    add_debugcon("log", machine.log_path, abi::log_port);
    add_debugcon("report", machine.report_path, abi::report_port);
    words.insert(words.end(), {"-device", fmt::format("isa-debug-exit,iobase={:#x},iosize=4", abi::debug_exit_port)});
    words.insert(words.end(), {"-device", microvm ? "virtio-rng-device" : "virtio-rng-pci"});
    for (const SharedFolder& folder : machine.folders) {
        if (folder.daemon >= 0) {
            words.insert(words.end(), {"-chardev", fmt::format("socket,id={},fd={}", folder.tag, folder.daemon), "-device",
                                       fmt::format("{0},chardev={1},tag={1}", microvm ? "vhost-user-fs-device" : "vhost-user-fs-pci", folder.tag)});
            continue;
        }
        // Owners and modes are those that the files have here; a folder that spans devices keeps its inode numbers apart.
        words.insert(words.end(), {"-fsdev", fmt::format("local,id={0},path={1},security_model=none,multidevs=remap{2}", folder.tag,
                                                         escape_commas(folder.path), folder.read_only ? ",readonly=on" : ""),
                                   "-device",
                                   fmt::format("{0},fsdev={1},mount_tag={1}", microvm ? "virtio-9p-device" : "virtio-9p-pci", folder.tag)});
    }
    if (machine.network) add_network(words, *machine.network, microvm);
    if (machine.vsock) words.insert(words.end(), {"-device", fmt::format("{},guest-cid={}", microvm ? "vhost-vsock-device" : "vhost-vsock-pci", machine.vsock->cid)});
    if (!machine.capture.empty()) {
        words.insert(words.end(), {"-chardev", fmt::format("file,id=capture,path={}", escape_commas(machine.capture)), "-device",
                                   fmt::format("{},max_ports=1", microvm ? "virtio-serial-device" : "virtio-serial-pci"), "-device",
                                   "virtconsole,chardev=capture"});
    }
    // A flush of the machine's is an fdatasync() here; until then the host's cache may hold what was written.
    for (const VolumeFile& volume : machine.volumes) {
        words.insert(words.end(), {"-drive", fmt::format("file={},if=none,id={},format=raw,cache=writeback,discard=unmap{}", escape_commas(volume.path),
                                                         volume.tag, volume.read_only ? ",readonly=on" : ""),
                                   "-device", fmt::format("{0},drive={1},serial={1}", microvm ? "virtio-blk-device" : "virtio-blk-pci", volume.tag)});
    }
    if (machine.gdb_port) words.insert(words.end(), {"-gdb", fmt::format("tcp:127.0.0.1:{}", *machine.gdb_port), "-S"});
    words.insert(words.end(), {"-kernel", machine.kernel});
    if (machine.initrd) words.insert(words.end(), {"-initrd", *machine.initrd});
    words.insert(words.end(), {"-append", machine.kernel_command_line});
    return words;
}

}  // namespace eremite::cli

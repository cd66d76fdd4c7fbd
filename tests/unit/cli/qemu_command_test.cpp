#include "cli/qemu_command.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace eremite::cli {
namespace {

bool has_pair(const std::vector<std::string>& words, const std::string& option, const std::string& value) {
    for (size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] == option && words[i + 1] == value) return true;
    }
    return false;
}

TEST(QemuCommand, MicrovmUnderTcg) {
    VirtualMachine machine;
    machine.kernel = "/x/image";
    machine.kernel_command_line = "tty=0 -- a b";
    const auto words = qemu_command(machine);
    EXPECT_TRUE(has_pair(words, "-accel", "tcg,thread=multi"));
    EXPECT_TRUE(has_pair(words, "-cpu", "max,-erms,-fsrm,-avx2"));
    EXPECT_TRUE(has_pair(words, "-m", "128M"));
    EXPECT_TRUE(has_pair(words, "-smp", "1"));
    EXPECT_TRUE(has_pair(words, "-kernel", "/x/image"));
    EXPECT_TRUE(has_pair(words, "-append", "tty=0 -- a b"));
    EXPECT_TRUE(has_pair(words, "-device", "virtio-rng-device"));
    EXPECT_TRUE(has_pair(words, "-device", "isa-debugcon,iobase=0xe9,chardev=log"));
    EXPECT_TRUE(has_pair(words, "-device", "isa-debugcon,iobase=0xea,chardev=report"));
    EXPECT_TRUE(has_pair(words, "-device", "isa-debug-exit,iobase=0xf4,iosize=4"));
    EXPECT_EQ(std::ranges::find(words, "-initrd"), words.end());
    EXPECT_EQ(std::ranges::find(words, "-gdb"), words.end());
}

TEST(QemuCommand, Options) {
    VirtualMachine machine;
    machine.machine = Machine::Q35;
    machine.accelerator = Accelerator::Kvm;
    machine.memory = (8 << 20) + 4096;
    machine.cpus = 4;
    machine.initrd = "/x/files";
    machine.gdb_port = 1234;
    machine.log_path = "/tmp/a,b";
    const auto words = qemu_command(machine);
    EXPECT_TRUE(has_pair(words, "-M", "q35"));
    EXPECT_TRUE(has_pair(words, "-accel", "kvm"));
    EXPECT_TRUE(has_pair(words, "-m", "8196K"));
    EXPECT_TRUE(has_pair(words, "-smp", "4"));
    EXPECT_TRUE(has_pair(words, "-initrd", "/x/files"));
    EXPECT_TRUE(has_pair(words, "-gdb", "tcp:127.0.0.1:1234"));
    EXPECT_TRUE(has_pair(words, "-device", "virtio-rng-pci"));
    EXPECT_TRUE(has_pair(words, "-chardev", "file,id=log,path=/tmp/a,,b,append=on"));
}

TEST(QemuCommand, Volumes) {
    VirtualMachine machine;
    machine.volumes = {{"volume0", "/x/a,b", false}, {"volume1", "/x/c", true}};
    const auto words = qemu_command(machine);
    EXPECT_TRUE(has_pair(words, "-drive", "file=/x/a,,b,if=none,id=volume0,format=raw,cache=writeback,discard=unmap"));
    EXPECT_TRUE(has_pair(words, "-drive", "file=/x/c,if=none,id=volume1,format=raw,cache=writeback,discard=unmap,readonly=on"));
    EXPECT_TRUE(has_pair(words, "-device", "virtio-blk-device,drive=volume1,serial=volume1"));
}

TEST(QemuCommand, Network) {
    VirtualMachine machine;
    const auto without = qemu_command(machine);
    EXPECT_EQ(std::ranges::find(without, "-netdev"), without.end());
    machine.network = NetworkInterface{.tap = "tap0", .queues = 1, .machine_address = {}, .forwarded = {}};
    EXPECT_TRUE(has_pair(qemu_command(machine), "-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no"));
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "virtio-net-device,netdev=net"));
    machine.network = NetworkInterface{.tap = {}, .queues = 1, .machine_address = "10.0.2.20", .forwarded = {{"127.0.0.1", 8080, 80, false}, {"", 53, 53, true}}};
    EXPECT_TRUE(has_pair(qemu_command(machine), "-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:8080-10.0.2.20:80,hostfwd=udp::53-10.0.2.20:53"));
    machine.machine = Machine::Q35;
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "virtio-net-pci,netdev=net"));
}

TEST(QemuCommand, SeveralQueues) {
    VirtualMachine machine;
    machine.network = NetworkInterface{.tap = "tap0", .queues = 4, .machine_address = {}, .forwarded = {}};
    EXPECT_TRUE(has_pair(qemu_command(machine), "-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no,queues=4"));
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "virtio-net-device,netdev=net,mq=on"));
    machine.machine = Machine::Q35;
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "virtio-net-pci,netdev=net,mq=on,vectors=10"));
}

TEST(QemuCommand, Capture) {
    VirtualMachine machine;
    machine.capture = "/x/a,b";
    const auto words = qemu_command(machine);
    EXPECT_TRUE(has_pair(words, "-chardev", "file,id=capture,path=/x/a,,b"));
    EXPECT_TRUE(has_pair(words, "-device", "virtio-serial-device,max_ports=1"));
    EXPECT_TRUE(has_pair(words, "-device", "virtconsole,chardev=capture"));
    machine.machine = Machine::Q35;
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "virtio-serial-pci,max_ports=1"));
}

TEST(QemuCommand, Vsock) {
    VirtualMachine machine;
    machine.vsock.emplace().cid = 17;
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "vhost-vsock-device,guest-cid=17"));
    machine.machine = Machine::Q35;
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "vhost-vsock-pci,guest-cid=17"));
}

TEST(QemuCommand, CountingInstructionsTakesTcg) {
    VirtualMachine machine;
    machine.accelerator = Accelerator::Kvm;
    machine.count_instructions = true;
    const auto words = qemu_command(machine);
    EXPECT_TRUE(has_pair(words, "-accel", "tcg,thread=single"));
    EXPECT_TRUE(has_pair(words, "-icount", "shift=0"));
}

TEST(QemuCommand, SharedFolders) {
    VirtualMachine machine;
    machine.folders = {{"mount0", "/home/x/a,b c", false}, {"mount1", "/srv", true}};
    const auto words = qemu_command(machine);
    EXPECT_TRUE(has_pair(words, "-fsdev", "local,id=mount0,path=/home/x/a,,b c,security_model=none,multidevs=remap"));
    EXPECT_TRUE(has_pair(words, "-device", "virtio-9p-device,fsdev=mount0,mount_tag=mount0"));
    EXPECT_TRUE(has_pair(words, "-fsdev", "local,id=mount1,path=/srv,security_model=none,multidevs=remap,readonly=on"));
    EXPECT_TRUE(has_pair(words, "-device", "virtio-9p-device,fsdev=mount1,mount_tag=mount1"));
    machine.machine = Machine::Q35;
    EXPECT_TRUE(has_pair(qemu_command(machine), "-device", "virtio-9p-pci,fsdev=mount1,mount_tag=mount1"));
}

}  // namespace
}  // namespace eremite::cli

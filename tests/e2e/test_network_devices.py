"""Network devices on their transports, with and without what they can do: streams to a server here and back, every byte checked."""

import json
import random
import shlex
import socket
import struct
import subprocess

from network import Running, ShardsTest, TapTest
from support import BUILD, program

MIB = 1 << 20
PORT = 5000
NO_OFFLOADS = "csum=off,guest_csum=off,gso=off,host_tso4=off,host_tso6=off,guest_tso4=off,guest_tso6=off"


class DeviceTest(TapTest):
    def setUp(self):
        super().setUp()
        self.server = subprocess.Popen([program("exchange"), "serve", str(PORT)], stdout=subprocess.PIPE)
        self.addCleanup(self.end_server)
        self.assertEqual(self.server.stdout.readline(), b"ready\n")

    def end_server(self):
        self.server.terminate()
        self.server.wait(20)
        self.server.stdout.close()

    def exchange_through(self, machine, device, said, *, backend="", change=None, bytes=16 * MIB):
        def replace(words):
            words[words.index("-netdev") + 1] += backend
            at = next(i for i, word in enumerate(words) if word.startswith("virtio-net"))
            words[at] = f"{device},netdev=net"
            if change:
                change(words)

        options = ["--machine", machine, "--cpus", 2, "--log", "info", *self.network([])]
        result = self.raw_qemu(program("exchange"), "with", self.host, PORT, bytes, options=options, change=replace)
        self.check(result, output=f"^{bytes} bytes sent", errors=said)


class Mmio(DeviceTest):
    def test_split(self):
        self.exchange_through("microvm", "virtio-net-device", "virtio-net: MMIO, split ring", bytes=64 * MIB)

    def test_packed(self):
        self.exchange_through("microvm", "virtio-net-device,packed=on", "virtio-net: MMIO, packed ring", bytes=64 * MIB)

    def test_legacy(self):
        def older(words):
            words[words.index("virtio-mmio.force-legacy=false")] = "virtio-mmio.force-legacy=true"
        self.exchange_through("microvm", "virtio-net-device", "virtio-net: legacy MMIO, split ring", change=older)

    def test_without_offloads(self):
        self.exchange_through("microvm", f"virtio-net-device,{NO_OFFLOADS}", "virtio-net: MMIO")

    def test_without_buffers_that_are_merged(self):
        self.exchange_through("microvm", "virtio-net-device,mrg_rxbuf=off", "virtio-net: MMIO")

    def test_without_features_of_the_rings(self):
        self.exchange_through("microvm", "virtio-net-device,event_idx=off,indirect_desc=off", "virtio-net: MMIO")

    def test_host_without_offloads(self):
        self.exchange_through("microvm", "virtio-net-device", "virtio-net: MMIO", backend=",vnet_hdr=off")

    def test_small_queues(self):
        self.exchange_through("microvm", "virtio-net-device,mrg_rxbuf=off,rx_queue_size=256,tx_queue_size=256", "virtio-net: MMIO")

    def test_two_interfaces(self):
        def another(words):
            words += ["-netdev", "user,id=other", "-device", "virtio-net-device,netdev=other"]

        self.exchange_through("microvm", "virtio-net-device", "network: eth1 has the address 10.0.2.15/24 by DHCP", change=another, bytes=MIB)


class Pci(DeviceTest):
    def test_modern(self):
        self.exchange_through("q35", "virtio-net-pci,disable-legacy=on", "virtio-net: PCI, split ring")

    def test_packed(self):
        self.exchange_through("q35", "virtio-net-pci,packed=on", "virtio-net: PCI, packed ring")

    def test_legacy(self):
        self.exchange_through("q35", "virtio-net-pci,disable-modern=on", "virtio-net: legacy PCI, split ring")


class SeveralQueues(DeviceTest):
    tap_options = ("multi_queue",)

    def exchange_on(self, machine, cpus, said):
        options = ["--machine", machine, "--cpus", cpus, "--log", "info"]
        command = self.command(program("exchange"), "with", self.host, PORT, 16 * MIB, options=options)
        self.check(self.execute(*command), output=f"^{16 * MIB} bytes sent", errors=said)

    # One interrupt is for all queues there.
    def test_mmio(self):
        self.exchange_on("microvm", 2, "virtio-net: MMIO, split ring, 1 of 2 queue pairs")

    def test_pci(self):
        self.exchange_on("q35", 2, "virtio-net: PCI, split ring, 2 of 2 queue pairs")

    def test_one_cpu(self):
        self.exchange_on("microvm", 1, "virtio-net: MMIO, split ring, 1 of 2 queue pairs")

    def test_packed(self):
        self.exchange_through("q35", "virtio-net-pci,packed=on,mq=on", "virtio-net: PCI, packed ring, 2 of 2 queue pairs")

    def test_legacy(self):
        self.exchange_through("q35", "virtio-net-pci,disable-modern=on,mq=on", "virtio-net: legacy PCI, split ring, 2 of 2 queue pairs")

    def test_few_interrupts(self):
        self.exchange_through("q35", "virtio-net-pci,mq=on,vectors=2", "virtio-net: PCI, split ring, 1 of 2 queue pairs")


class Shards(ShardsTest):
    """With a pair of queues for each CPU the sockets of a program are in several shards of the network, and behave as before."""

    def network(self, ports):
        return ["--net", "tap:tap0,ip=off"]

    def lines(self, command):
        result = self.execute(*command)
        self.check(result)
        # The Linux process has no interface to which it could go.
        return [line for line in result.output.decode().splitlines() if not line.startswith("broadcast:")]

    def test_sockets(self):
        alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0"']
        for name in ("tcp", "tcp_data", "udp", "udp_segments", "options", "urgent", "waiting", "error_queue"):
            with self.subTest(name):
                image = BUILD / "guest" / f"guest_sockets_{name}"
                if not image.exists():
                    self.skipTest(f"{image} was not built")
                in_shards = self.lines(self.command(image))
                self.assertEqual(in_shards, self.lines([*alone, image]))


class Datagrams(TapTest):
    """Datagrams to a machine and back, also such as are longer than a packet."""

    longest = 65507
    sizes = (1, 100, 1472, 1473, 9000, 30_000, longest)

    def echo(self, segment, *sizes, options=()):
        """The answers to datagrams of these sizes, one after the other, and what was sent."""
        running = self.start(program("datagram_echo"), PORT, segment, ports=[PORT], options=options)
        running.wait_for("^ready")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            for size in sizes:
                data = random.Random(size).randbytes(size)
                client.sendto(data, self.at[PORT])
                answer = [client.recv(self.longest + 1)]
                while sum(len(part) for part in answer) < size:
                    answer.append(client.recv(self.longest + 1))
                yield data, answer
            client.sendto(b"", self.at[PORT])
        self.assertEqual(running.wait(), 0, running.text)

    def test_whole(self):
        for data, answer in self.echo(0, *self.sizes):
            self.assertEqual(answer, [data], len(data))

    def test_cut_by_the_machine(self):
        for data, answer in self.echo(1000, *self.sizes):
            self.assertEqual(answer, [data[at:at + 1000] for at in range(0, len(data), 1000)], len(data))


class Announcements(TapTest):
    """A machine that was moved tells its new neighbours where it is: QEMU's monitor says that it was."""

    ARP, REQUEST = 0x0806, 1

    def monitor(self, path):
        """Runs a command of the monitor, or several."""
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.settimeout(20)
        connection.connect(path)
        lines = connection.makefile("rw")
        self.addCleanup(lines.close)
        lines.readline()

        def execute(command, **arguments):
            json.dump({"execute": command, "arguments": arguments}, lines)
            lines.flush()
            while "return" not in (answer := json.loads(lines.readline())):
                self.assertNotIn("error", answer)

        execute("qmp_capabilities")
        return execute

    def announcement_through(self, machine):
        command = self.command(program("datagram_echo"), 7, 0, ports=[7], options=["--machine", machine, "--cpus", 2, "--dry-run"])
        path = str(self.folder / "monitor")
        running = Running(self, [*shlex.split(self.check(self.execute(*command)).text), "-qmp", f"unix:{path},server=on,wait=off"])
        self.addCleanup(running.stop)
        running.wait_for("ready")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self.ARP)) as listener:
            listener.settimeout(20)
            listener.bind(("tap0", self.ARP))
            self.monitor(path)("announce-self", initial=50, max=50, rounds=1, step=10)
            own = socket.inet_aton(self.machine)
            while True:
                frame = listener.recv(2000)
                operation, _, sender, _, target = struct.unpack_from("!H6s4s6s4s", frame, 20)
                if frame.startswith(b"\xff" * 6) and (operation, sender, target) == (self.REQUEST, own, own):
                    return

    def test_mmio(self):
        self.announcement_through("microvm")

    def test_pci(self):
        self.announcement_through("q35")


class AnnouncementsOfSeveralQueues(Announcements):
    tap_options = ("multi_queue",)

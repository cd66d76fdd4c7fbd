"""Network devices on their transports, with and without what they can do: streams to a server here and back, every byte checked."""

import subprocess

from network import TapTest
from support import program

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

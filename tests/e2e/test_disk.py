"""Disks (virtio-blk) as block special files, on each transport."""

from support import CommandTest, program

SIZE = 4 * 2**20
OK = "^0 failures$"


def pattern(size):
    return bytes((offset * 31 + (offset >> 9) * 7) & 255 for offset in range(size))


class DiskTest(CommandTest):
    def disk(self, machine, device, *arguments, drive="", cpus=2, change=None, size=SIZE, **how):
        """Runs the program with a disk that holds the pattern."""
        self.image = self.write("disk.img", pattern(size))

        def add(words):
            words += ["-drive", f"file={self.image},if=none,id=disk,format=raw{drive}", "-device", f"{device},drive=disk"]
            if machine == "microvm" and "-pci" in device:
                words[words.index("-M") + 1] += ",pcie=on"
            words[words.index("-append") + 1] = "disks=1 " + words[words.index("-append") + 1]
            if change:
                change(words)
        options = ["--machine", machine, "--cpus", cpus, "--log", "info"]
        return self.raw_qemu(program("disk"), size, *arguments, options=options, change=add, limit=100, **how)

    def check_disk(self, machine, device, ring, **how):
        result = self.check(self.disk(machine, device, **how), output=OK, errors=f"virtio-blk: {ring} ring")
        size = how.get("size", SIZE)
        self.assertEqual(self.image.read_bytes(), bytes(255 - byte for byte in pattern(size)), "what the host finds")
        return result


class Mmio(DiskTest):
    def test_split(self):
        self.check_disk("microvm", "virtio-blk-device", "MMIO, split")

    def test_packed(self):
        self.check_disk("microvm", "virtio-blk-device,packed=on", "MMIO, packed")

    def test_legacy(self):
        def older(words):
            words[words.index("virtio-mmio.force-legacy=false")] = "virtio-mmio.force-legacy=true"
        self.check_disk("microvm", "virtio-blk-device", "legacy MMIO, split", change=older)

    def test_without_features(self):
        self.check_disk("microvm", "virtio-blk-device,event_idx=off,indirect_desc=off,discard=off,write-zeroes=off,queue-size=16", "MMIO, split")

    def test_large_blocks(self):
        self.check_disk("microvm", "virtio-blk-device,logical_block_size=4096,physical_block_size=4096", "MMIO, split")

    def test_read_only(self):
        result = self.disk("microvm", "virtio-blk-device", "ro", drive=",readonly=on")
        self.check(result, output=OK, errors="read-only")
        self.assertEqual(self.image.read_bytes(), pattern(SIZE))


class Pci(DiskTest):
    def test_modern(self):
        self.check_disk("q35", "virtio-blk-pci,disable-legacy=on", "PCI, split")

    def test_legacy(self):
        self.check_disk("q35", "virtio-blk-pci,disable-modern=on", "legacy PCI, split")

    def test_many_queues(self):
        result = self.check_disk("q35", "virtio-blk-pci,num-queues=4", "PCI, split", cpus=4)
        self.assertIn("4 queues", result.error_text, str(result))

    def test_packed_on_microvm(self):
        self.check_disk("microvm", "virtio-blk-pci,packed=on", "PCI, packed")


class Errors(DiskTest):
    def test_the_host_fails_to_read(self):
        """blkdebug makes reads fail from some sector on: the program sees EIO and goes on."""
        rules = self.write("rules", '[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "4096"\nonce = "off"\n')

        def debug(words):
            at = words.index("-drive") + 1
            words[at] = f"file.driver=blkdebug,file.config={rules},file.image.filename={self.image},if=none,id=disk,format=raw"
        result = self.disk("microvm", "virtio-blk-device", change=debug)
        self.check(result, 1, output="Input/output error")

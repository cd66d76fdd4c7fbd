"""Parts of the kernel that an image has or has not, as its maker chose."""

from support import BUILD, HELLO_SOURCE, CommandTest, clean_environment, from_environment, volume_tool

SAID = b"hello world\n"
SWITCHES = {"net": "EREMITE_NET", "share": "EREMITE_SHARE", "trace": "EREMITE_TRACE", "virtio": "EREMITE_VIRTIO", "volume": "EREMITE_VOLUME"}
TRACED = r"\] .* write\(1, "


class ComponentTest(CommandTest):
    def need(self, *components):
        for name in components:
            if from_environment(SWITCHES[name]) == "0":
                self.skipTest(f"the component {name} was not built")

    def link(self, components):
        return self.execute(BUILD / "bin/eremite-c++", self.write("hello.cpp", HELLO_SOURCE), "-o", self.folder / "image",
                            env=clean_environment(EREMITE_COMPONENTS=components))

    def image(self, components):
        self.check(self.link(components), errors=b"")
        return self.folder / "image"


class Core(ComponentTest):
    def test_runs(self):
        image = self.image("none")
        self.check(self.run_program(image), output=SAID, errors=b"")
        self.check(self.execute(image), output=SAID, errors=b"")

    def test_tells_that_it_cannot_trace(self):
        self.check(self.run_program(self.image("none"), options=["--trace"]), 125, errors="trace=syscalls: .* without the component trace")

    def test_tells_that_it_cannot_mount(self):
        result = self.run_program(self.image("none"), options=["--share", "9p", "--mount", f"{self.folder}:/data"])
        self.check(result, 125, output=b"", errors="mount0 cannot be mounted at /data: .* without the component share")

    def test_tells_that_it_has_no_network(self):
        self.check(self.run_program(self.image("none"), options=["--net", "user"]), 125, output=b"", errors="without the component net")

    def test_tells_of_devices_that_it_does_not_drive(self):
        def announce(words):
            at = words.index("-M") + 1
            words[at] = words[at].replace("auto-kernel-cmdline=off", "auto-kernel-cmdline=on,acpi=off")
        result = self.raw_qemu(self.image("none"), options=["--machine", "microvm"], change=announce)
        self.check(result, output=SAID, errors=r"virtio_mmio\.device=\S+: .* without the component virtio")


class Chosen(ComponentTest):
    def test_one(self):
        self.need("trace")
        self.check(self.run_program(self.image("trace"), options=["--trace"]), output=SAID, errors=TRACED)

    def test_all_by_name(self):
        """In any order."""
        self.need("net", "share", "trace", "virtio", "volume")
        self.check(self.run_program(self.image("virtio, trace volume net virtio-share"), options=["--trace"]), output=SAID, errors=TRACED)

    def test_share_brings_virtio_along(self):
        self.need("share")
        image = self.image("share")
        self.check(self.run_program(image, options=["--share", "9p", "--mount", f"{self.folder}:/data"]), output=SAID, errors=b"")
        self.assertEqual(self.link("virtio share").status, 0)
        self.assertEqual(image.read_bytes(), self.image("share").read_bytes())

    def test_net_brings_virtio_along(self):
        self.need("net")
        image = self.image("net")
        result = self.run_program(image, options=["--net", "user", "--log", "info"])
        self.check(result, output=SAID, errors="network: eth0 has the address 10.0.2.15/24")
        self.assertEqual(self.link("net virtio").status, 0)
        self.assertEqual(image.read_bytes(), self.image("net").read_bytes())

    def test_volume_brings_virtio_along(self):
        self.need("volume")
        volume_tool("mke2fs")
        volume = self.folder / "volume"
        self.check(self.eremite("volume", "create", volume, "--size", "8M"))
        mounted = ["--volume", f"{volume}:/data"]
        image = self.image("volume")
        self.check(self.run_program(image, options=mounted), output=SAID, errors=b"")
        self.assertEqual(self.link("virtio volume").status, 0)
        self.assertEqual(image.read_bytes(), self.image("volume").read_bytes())
        for components in ("none", "share"):
            with self.subTest(components):
                result = self.run_program(self.image(components), options=mounted)
                self.check(result, 125, output=b"", errors="volume0 cannot be mounted at /data: .* without the component .*volume")

    def test_unknown(self):
        self.check(self.link("trace clairvoyance"), 1, errors='EREMITE_COMPONENTS is "trace clairvoyance"; the sets of components are: none, ')

    def test_run_of_a_source_knows_the_choice(self):
        self.need("trace")
        source = self.write("x.cpp", HELLO_SOURCE)
        for components, status in (("none", 125), ("trace", 0), ("none", 125)):
            with self.subTest(components):
                result = self.run_program(source, options=["--trace"], env=clean_environment(EREMITE_COMPONENTS=components))
                self.check(result, status)

"""--stats: times and counts after the run."""

from support import HELLO, CommandTest, cell_only, program


class Stats(CommandTest):
    def table(self, image, *arguments, status=0, options=()):
        result = self.run_program(image, *arguments, options=["--stats", *options])
        self.check(result, status)
        rows = {}
        for line in result.error_text.splitlines():
            name, _, value = line.partition("  ")
            rows[name] = value.strip()
        return result, rows

    def number(self, rows, name):
        self.assertIn(name, rows)
        return float(rows[name].split()[0])

    def test_output_of_the_program_stays_clean(self):
        result, _ = self.table(HELLO)
        self.assertEqual(result.output, b"hello world\n")

    def test_times(self):
        _, rows = self.table(HELLO)
        parts = [self.number(rows, name) for name in ("VMM start to image entry", "image entry to main", "main to exit")]
        for part in parts:
            self.assertGreater(part, 0)
        total = self.number(rows, "VMM start to exit")
        self.assertAlmostEqual(sum(parts), total, delta=0.01)
        self.assertGreaterEqual(self.number(rows, "VMM start to its end"), total)
        self.assertIn(" ms", rows["VMM start to exit"])

    def test_counts(self):
        _, rows = self.table(HELLO, options=["--memory", "64M"])
        for name in ("memory.used_peak", "memory.faults", "syscalls.total", "tsc_khz"):
            self.assertGreater(self.number(rows, name), 0, name)
        total, free = self.number(rows, "memory.total"), self.number(rows, "memory.free")
        self.assertLess(free, total)
        self.assertLess(total, 64 << 20)
        self.assertGreater(total, 56 << 20)
        self.assertIn("MiB", rows["memory.total"])
        self.assertLessEqual(self.number(rows, "syscalls.trapped"), self.number(rows, "syscalls.total"))

    def test_each_cpu(self):
        _, rows = self.table(HELLO, options=["--cpus", "2"])
        for figure in ("context_switches", "interrupts", "faults", "syscalls", "syscalls_trapped"):
            for cpu in (0, 1):
                self.assertIn(f"cpu{cpu}.{figure}", rows)
        for figure, total in (("faults", "memory.faults"), ("syscalls", "syscalls.total"), ("syscalls_trapped", "syscalls.trapped")):
            self.assertEqual(sum(self.number(rows, f"cpu{cpu}.{figure}") for cpu in (0, 1)), self.number(rows, total), figure)

    def test_count_follows_the_program(self):
        _, few = self.table(program("arguments"))
        result, many = self.table(program("list_files"), "/", options=["--files", self.folder])
        self.assertGreater(self.number(many, "syscalls.total"), self.number(few, "syscalls.total"), str(result))

    def test_status_is_the_program_s(self):
        self.table(program("exit_status"), 5, status=5)

    def test_after_a_fault(self):
        result, rows = self.table(program("faults"), "read_null", status=139)
        self.assertIn("SIGSEGV", result.error_text)
        self.assertIn("syscalls.total", rows)

    def test_of_an_unmodified_executable(self):
        _, rows = self.table(program("hello_static"))
        self.assertGreater(self.number(rows, "syscalls.total"), 0)

    @cell_only
    def test_exits_of_processors(self):
        result, rows = self.table(HELLO, options=["--cpus", "2"])
        exits = {name: self.number(rows, name) for name in rows if name.startswith("cell.exits.")}
        total = exits.pop("cell.exits.total")
        self.assertEqual(sum(exits.values()), total, str(result))
        # The program's output goes out by the serial port, the report by one byte each.
        self.assertGreater(exits["cell.exits.port.serial"], 0)
        self.assertGreater(exits["cell.exits.port.report"], len("exit 0"))
        self.assertEqual(exits["cell.exits.port.exit"], 1)
        self.assertGreater(exits["cell.exits.mmio.entropy"], 0)

    @cell_only
    def test_what_the_monitor_takes(self):
        _, rows = self.table(HELLO, options=["--memory", "512M"])
        self.assertGreater(self.number(rows, "cell.faults.minor"), 0)
        self.assertGreater(self.number(rows, "cell.memory.monitor"), 1 << 20)
        # What the machine does not touch is not taken.
        self.assertLess(self.number(rows, "cell.memory.guest"), 64 << 20)
        self.assertGreater(self.number(rows, "cell.memory.guest"), 1 << 20)

    @cell_only
    def test_each_exit_is_shown(self):
        result = self.run_program(program("exit_status"), 5, options=["--trace-exits"])
        lines = result.error_text.splitlines()
        self.assertGreater(len(lines), 20)
        for line in lines:
            self.assertRegex(line, r"^exit +\d+\.\d{3} cpu0 (in|out|read|write|halt|signal|interrupt window)")
        self.assertRegex(lines[-1], "out address 0xf4 size 4 value 0x5$", str(result))

    def test_not_without_the_option(self):
        self.check(self.run_program(HELLO), errors=b"")

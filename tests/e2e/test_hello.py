"""The first thing anybody tries."""

from support import HELLO, CommandTest, program


class Output(CommandTest):
    def test_prints_hello_and_nothing_else(self):
        self.check(self.run_program(HELLO), output=b"hello world\n", errors=b"")

    def test_example_by_its_name(self):
        self.check(self.run_program("hello"), output=b"hello world\n", errors=b"")

    def test_program_without_a_c_library(self):
        self.check(self.run_program(program("no_libc_image")), 7, output=b"no library\n", errors=b"")

    def test_accelerator_chosen_by_itself(self):
        self.check(self.eremite("run", "--timeout", 60, HELLO, limit=90), output=b"hello world\n", errors=b"")

    def test_linux_process_of_the_same_file(self):
        self.check(self.execute(HELLO), output=b"hello world\n", errors=b"")

    def test_log_goes_to_standard_error_only(self):
        result = self.run_program(HELLO, options=["--log", "info", "--files", self.folder])
        self.check(result, output=b"hello world\n", errors=r"^\[ *\d+\.\d+\] eremite info: .")

    def test_log_level_that_is_not_compiled_in_is_not_ignored_silently(self):
        # By default (EREMITE_LOG_LEVEL) an image holds no messages of this level; where it does, they are seen.
        self.check(self.run_program(HELLO, options=["--log", "debug"]), output=b"hello world\n", errors=r"\] eremite (debug|warning): .*")


class SameAsLinuxProcess(CommandTest):
    """One file, two worlds: output and exit status are equal."""

    def compare(self, name, *arguments, input=b"", options=(), env=None):
        linux = self.execute(program(name), *arguments, input=input, env=env or {})
        machine = self.run_program(program(name), *arguments, input=input, options=options)
        self.assertEqual(machine.output, linux.output, f"standard output differs{linux}{machine}")
        self.assertEqual(machine.status, linux.status, f"exit status differs{linux}{machine}")
        return machine

    def test_arguments(self):
        self.assertIn(b"count 4\n", self.compare("arguments", "one", "", "drei ä").output)

    def test_environment(self):
        machine = self.compare("arguments", env={"NAME": "a value"}, options=["--env", "NAME=a value"])
        self.assertIn(b"variable 12 [NAME=a value]\n", machine.output)

    def test_input(self):
        self.assertEqual(self.compare("copy_input", input=b"some input\n").output, b"some input\n")

    def test_waiting_for_the_end_of_input(self):
        self.assertIn(b"poll 0x11\nread 5\n", self.compare("poll_input", input=b"some\n").output)
        self.assertIn(b"epoll 0x10 poll 0x10\n", self.compare("poll_input").output)

    def test_exit_status(self):
        self.assertEqual(self.compare("exit_status", "17").status, 17)

    def test_ways_to_end(self):
        for how, status in (("return", 0), ("exit", 3), ("_exit", 4), ("abort", 134), ("throw", 134), ("terminate", 134),
                            ("kill", 137), ("raise", 143)):
            with self.subTest(how):
                self.assertEqual(self.compare("endings", how).status, status)

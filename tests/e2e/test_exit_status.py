"""What a program returns is what the command returns."""

from support import CommandTest, program


class ExitStatus(CommandTest):
    def test_values_are_carried(self):
        for status in (0, 1, 2, 42, 63, 64, 77, 100, 124, 125, 126, 127, 128, 137, 200, 254, 255):
            with self.subTest(status):
                self.check(self.run_program(program("exit_status"), status), status, output=b"", errors=b"")

    def test_only_the_low_eight_bits_count(self):
        for value, status in ((256, 0), (258, 2), (-1, 255)):
            with self.subTest(value):
                self.check(self.run_program(program("exit_status"), value), status)

    def test_of_an_unmodified_executable(self):
        for status in (0, 3, 255):
            with self.subTest(status):
                self.check(self.run_program(program("exit_status_static"), status), status, errors=b"")


class Endings(CommandTest):
    def test_return_runs_destructors(self):
        self.check(self.run_program(program("endings"), "return"), output=b"started\natexit\nstatic destructor\n", errors=b"")

    def test_exit_runs_destructors(self):
        self.check(self.run_program(program("endings"), "exit"), 3, output=b"started\natexit\nstatic destructor\n", errors=b"")

    def test_underscore_exit_runs_nothing(self):
        self.check(self.run_program(program("endings"), "_exit"), 4, output=b"started\n", errors=b"")

    def test_abort_is_named_with_its_caller(self):
        self.check(self.run_program(program("endings"), "abort"), 134, output=b"started\n", errors=["SIGABRT", "give_up"])

    def test_uncaught_exception(self):
        self.check(self.run_program(program("endings"), "throw"), 134, output=b"started\n",
                   errors=["terminate called after throwing an instance of 'std::runtime_error'", r"what\(\):  nobody catches this"])

    def test_uncaught_exception_without_a_message(self):
        self.check(self.run_program(program("endings"), "throw int"), 134, errors="terminate called after throwing an instance of 'int'")

    def test_terminate(self):
        self.check(self.run_program(program("endings"), "terminate"), 134, errors="terminate called without an active exception")

    def test_signals_to_itself(self):
        self.check(self.run_program(program("endings"), "kill"), 137, output=b"started\n")
        self.check(self.run_program(program("endings"), "raise"), 143, output=b"started\n")

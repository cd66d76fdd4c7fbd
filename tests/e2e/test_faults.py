"""A program that does something forbidden dies of a named signal, at a named place."""

from support import CommandTest, cell_only, program

SEGV, FPE, ILL, TRAP = 139, 136, 132, 133


class FaultTest(CommandTest):
    image = program("faults")

    def fault(self, what, status, *errors):
        result = self.run_program(self.image, what)
        # Not a byte of output is lost, and what stands behind the fault does not run.
        return self.check(result, status, output=b"started\n", errors=list(errors))


class NullPointer(FaultTest):
    def test_read(self):
        self.fault("read_null", SEGV, "SIGSEGV", r"at address 0x0\b", r"#0 .*read_null.*faults\.cpp:\d+", r"#1 .*main")

    def test_write(self):
        self.fault("write_null", SEGV, "SIGSEGV", r"write.*at address 0x0\b", r"#0 .*write_null", r"#1 .*main")


class WildJump(FaultTest):
    def test_to_unmapped_memory(self):
        self.fault("jump_nowhere", SEGV, "SIGSEGV", "at address 0x123456789000", r"#1 .*jump_nowhere", r"#2 .*main")

    def test_to_data(self):
        self.fault("execute_data", SEGV, "SIGSEGV", "not executable", r"#1 .*execute_data", r"#2 .*main")


class StackOverflow(FaultTest):
    def test_guard_page_ends_it(self):
        self.fault("overflow_stack", SEGV, "SIGSEGV", r"#0 .*overflow_stack")

    def test_is_called_so_with_the_callers(self):
        self.fault("overflow_stack", SEGV, "stack overflow", r"#1 .*overflow_stack")


class Memory(FaultTest):
    def test_write_to_code(self):
        self.fault("write_code", SEGV, "SIGSEGV", "write to read-only memory", "write_code", "main")

    def test_non_canonical_address(self):
        self.fault("non_canonical_address", SEGV, "SIGSEGV", r"#0 .*non_canonical_address", r"#1 .*main")


class Instructions(FaultTest):
    def test_division_by_zero(self):
        self.fault("divide_by_zero", FPE, "SIGFPE", r"#0 .*divide_by_zero", r"#1 .*main")

    def test_illegal(self):
        self.fault("illegal_instruction", ILL, "SIGILL", r"#0 .*illegal_instruction", r"#1 .*main")

    def test_privileged(self):
        self.fault("privileged_instruction", SEGV, "SIGSEGV", r"#0 .*privileged_instruction", r"#1 .*main")

    def test_breakpoint(self):
        self.fault("breakpoint", TRAP, "SIGTRAP", r"breakpoint", r"main")


class UnmodifiedExecutable(FaultTest):
    image = program("faults_static")

    def test_backtrace(self):
        self.fault("read_null", SEGV, "SIGSEGV", r"#0 .*read_null.*faults\.cpp:\d+", r"#1 .*main")


class StaticPie(FaultTest):
    image = program("faults_static_pie")

    def test_backtrace_at_the_place_it_was_loaded(self):
        self.fault("read_null", SEGV, "SIGSEGV", r"#0 .*read_null.*faults\.cpp:\d+", r"#1 .*main")

    def test_wild_jump(self):
        self.fault("jump_nowhere", SEGV, "SIGSEGV", r"#1 .*jump_nowhere", r"#2 .*main")


class TripleFault(CommandTest):
    """The machine itself fails."""

    @cell_only
    def test_where_it_was_is_told(self):
        result = self.check(self.run_program(program("triple_fault")), 125, output=b"",
                            errors=["^the machine failed:$", "ended without an exit status", r"rip [0-9a-f]{16}"])
        # A host's processor may reset its registers before anybody sees them (AMD64 manual, volume 2, 15.14.3).
        if "rip 000000000000fff0" not in result.error_text:
            self.assertRegex(result.error_text, r"#0 +0x[0-9a-f]+  failing_function .*triple_fault.S:20\n  #1 +0x[0-9a-f]+  outer_function .*  \?\n")

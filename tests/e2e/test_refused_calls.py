"""System calls that Eremite does not have return ENOSYS and are named once."""

from support import CommandTest, program


class RefusedCalls(CommandTest):
    def run_calls(self, *options):
        return self.check(self.run_program(program("refused_calls"), options=options))

    def lines_with(self, result, text):
        return [line for line in result.error_text.splitlines() if text in line]

    def test_fork(self):
        result = self.run_calls()
        self.assertEqual(result.text.count("fork -1 Function not implemented\n"), 3, str(result))
        self.assertEqual(len(self.lines_with(result, "fork")), 1, str(result))

    def test_number_without_a_name(self):
        result = self.run_calls()
        self.assertEqual(result.text.count("unknown -1 Function not implemented\n"), 3, str(result))
        self.assertEqual(len(self.lines_with(result, "9999")), 1, f"not said once{result}")

    def test_call_that_linux_has(self):
        result = self.run_calls()
        self.assertEqual(result.text.count("kexec_load -38\n"), 3, str(result))
        self.assertEqual(len(self.lines_with(result, "not implemented")), 1, f"not said once{result}")

    def test_named_by_name(self):
        self.assertEqual(len(self.lines_with(self.run_calls(), "kexec_load")), 1)

    def test_not_said_at_log_level_error(self):
        self.check(self.run_calls("--log", "error"), errors=b"")

"""Executables that know nothing of Eremite, booted by eremite-kernel."""

from support import CommandTest, program


class UnmodifiedExecutable(CommandTest):
    def test_static(self):
        self.check(self.run_program(program("hello_static")), output=b"hello world\n", errors=b"")

    def test_static_pie(self):
        self.check(self.run_program(program("hello_static_pie")), output=b"hello world\n", errors=b"")

    def test_without_a_c_library(self):
        self.check(self.run_program(program("no_libc")), 7, output=b"no library\n", errors=b"")

    def test_exit_status(self):
        for image in ("exit_status_static", "exit_status_static_pie"):
            self.check(self.run_program(program(image), "200"), 200, errors=b"")

    def test_files_and_program_in_one_archive(self):
        self.write("files/one", "1")
        for image in ("list_files_static", "list_files_static_pie"):
            with self.subTest(image):
                result = self.run_program(program(image), "/one", options=["--files", self.folder / "files"])
                self.check(result, output="^file 0644 /one 1 ", errors=b"")

    def test_same_output_as_a_linux_process(self):
        for image in ("arguments_static", "arguments_static_pie"):
            with self.subTest(image):
                linux = self.execute(program(image), "a", "b c", env={})
                self.check(self.run_program(program(image), "a", "b c"), output=linux.output, errors=b"")

"""`eremite build`, and `eremite run` of a source."""

from support import MONITOR, CommandTest, clean_environment, need_tool

C = '#include <stdio.h>\nint main(void) { puts("hello from C"); return 0; }\n'
CXX = '#include <iostream>\nint main() { std::cout << "hello from C++\\n"; }\n'
FORTRAN = "program hello\n  print '(A)', 'hello from Fortran'\nend program\n"
BROKEN = "int main() { return nonsense; }\n"


class BuildTest(CommandTest):
    def build(self, *sources, flags=()):
        image = self.folder / "image"
        self.check(self.eremite("build", *sources, "-o", image, "--", *flags), output=b"", errors=b"")
        return image


class Languages(BuildTest):
    def test_c(self):
        self.check(self.run_program(self.build(self.write("x.c", C))), output=b"hello from C\n", errors=b"")

    def test_cxx(self):
        for extension in ("cpp", "cc", "cxx"):
            with self.subTest(extension):
                self.check(self.run_program(self.build(self.write(f"x.{extension}", CXX))), output=b"hello from C++\n", errors=b"")

    def test_image_is_a_linux_process_too(self):
        self.check(self.execute(self.build(self.write("x.cpp", CXX))), output=b"hello from C++\n", errors=b"")

    def test_several_sources(self):
        main = self.write("main.cpp", 'extern "C" int twice(int);\nint add(int, int);\nint main() { return add(twice(20), 2); }\n')
        c = self.write("twice.c", "int twice(int class) { return 2 * class; }\n")
        other = self.write("add.cpp", "int add(int a, int b) { return a + b; }\n")
        self.check(self.run_program(self.build(main, c, other)), 42, errors=b"")

    def test_flags(self):
        source = self.write("x.cpp", "int main() { return VALUE; }\n")
        self.check(self.run_program(self.build(source, flags=["-DVALUE=12", "-O2"])), 12)

    def test_assembler_in_c(self):
        source = self.write("x.c", 'int main(void) { int x; __asm__("mov $33, %0" : "=r"(x)); return x; }\n')
        self.check(self.run_program(self.build(source)), 33)

    def test_name_with_spaces(self):
        self.check(self.run_program(self.build(self.write("a folder/my source.cpp", CXX))), output=b"hello from C++\n")


class Fortran(BuildTest):
    @classmethod
    def setUpClass(cls):
        need_tool("gfortran")

    def test_program(self):
        self.check(self.run_program(self.build(self.write("x.f90", FORTRAN))), output=b"hello from Fortran\n", errors=b"")

    def test_run_of_the_source(self):
        self.check(self.run_program(self.write("x.f90", FORTRAN)), output=b"hello from Fortran\n", errors=b"")

    def test_openmp(self):
        source = self.write("sum.f90", "program sum\n  integer :: i, total = 0\n  !$omp parallel do reduction(+:total)\n  do i = 1, 100\n"
                                       "    total = total + i\n  end do\n  open(10, file='/tmp/total')\n  write(10, *) total\n  close(10)\n"
                                       "  print '(I0)', total\nend program\n")
        image = self.build(source, flags=["-fopenmp", "-Wl,--no-warnings"])
        self.check(self.run_program(image, options=["--cpus", "2"]), output=b"5050\n", errors=b"")

    def test_with_cxx(self):
        fortran = self.write("half.f90", "integer(c_int) function half(x) bind(c)\n  use iso_c_binding\n"
                                         "  integer(c_int), value :: x\n  half = x / 2\nend function\n")
        main = self.write("main.cpp", 'extern "C" int half(int);\nint main() { return half(50); }\n')
        self.check(self.run_program(self.build(main, fortran)), 25, errors=b"")


class Errors(BuildTest):
    def test_compile_error_is_the_compiler_s(self):
        source = self.write("broken.cpp", BROKEN)
        for words in (["build", source, "-o", self.folder / "image"], ["run", *MONITOR, source]):
            with self.subTest(words[0]):
                result = self.eremite(*words)
                self.assertIn(result.status, range(1, 127))
                self.check(result, result.status, output=b"", errors=[r"broken\.cpp:1:\d+: error: .*nonsense"])
        self.assertFalse((self.folder / "image").exists())

    def test_link_error(self):
        source = self.write("x.cpp", "int elsewhere();\nint main() { return elsewhere(); }\n")
        result = self.eremite("build", source, "-o", self.folder / "image")
        self.assertNotEqual(result.status, 0)
        self.check(result, result.status, output=b"", errors="undefined reference to `elsewhere")
        self.assertFalse((self.folder / "image").exists())

    def test_source_not_there(self):
        self.check(self.eremite("build", "nothing.cpp", "-o", self.folder / "image"), 127, output=b"", errors="nothing.cpp: no such file")
        self.check(self.eremite("run", "nothing.cpp"), 127, output=b"", errors="nothing.cpp: no such file")

    def test_not_a_source(self):
        path = self.write("notes.txt", "text")
        result = self.eremite("build", path, "-o", self.folder / "image")
        self.check(result, 2, output=b"", errors=r"notes\.txt: not a C, C\+\+ or Fortran source")

    def test_no_output_named(self):
        self.check(self.eremite("build", self.write("x.cpp", CXX)), 2, output=b"", errors="--output")

    def test_no_compiler(self):
        tools = self.folder / "tools"
        tools.mkdir()
        for name in ("bash", "env", "readlink"):
            (tools / name).symlink_to(need_tool(name))
        result = self.eremite("build", self.write("x.cpp", CXX), "-o", self.folder / "image", env=clean_environment(PATH=str(tools)))
        self.assertNotEqual(result.status, 0)
        self.check(result, result.status, output=b"", errors=r"c\+\+")


class RunSource(BuildTest):
    def setUp(self):
        super().setUp()
        self.environment = clean_environment(XDG_CACHE_HOME=str(self.folder / "cache"))

    def run_source(self, source, *arguments):
        return self.eremite("run", *MONITOR, source, "--", *arguments, env=self.environment)

    def test_runs(self):
        self.check(self.run_source(self.write("x.cpp", CXX)), output=b"hello from C++\n", errors=b"")

    def test_name_of_the_program(self):
        source = self.write("x.c", "#include <stdio.h>\nint main(int c, char** v) { printf(\"%d %s %s\\n\", c, v[0], v[1]); return 0; }\n")
        self.check(self.run_source(source, "y"), output=b"2 %s y\n" % str(self.folder / "x").encode(), errors=b"")

    def test_change_is_seen(self):
        source = self.write("x.cpp", "int main() { return 1; }\n")
        self.check(self.run_source(source), 1)
        self.write("x.cpp", "int main() { return 2; }\n")
        self.check(self.run_source(source), 2)

    def test_change_of_a_header_is_seen(self):
        self.write("value.hpp", "constexpr int value = 1;\n")
        source = self.write("x.cpp", '#include "value.hpp"\nint main() { return value; }\n')
        self.check(self.run_source(source), 1)
        self.write("value.hpp", "constexpr int value = 2;\n")
        self.check(self.run_source(source), 2)

    def test_second_run_does_not_compile(self):
        source = self.write("x.cpp", CXX)
        self.check(self.run_source(source), output=b"hello from C++\n")
        images = [path for path in (self.folder / "cache").rglob("x") if path.is_file()]
        self.assertEqual(len(images), 1)
        built = images[0].stat().st_mtime_ns
        self.check(self.run_source(source), output=b"hello from C++\n")
        self.assertEqual(images[0].stat().st_mtime_ns, built)

    def test_fault_in_a_source_names_its_line(self):
        source = self.write("x.cpp", "int main() {\n    volatile int* volatile p = nullptr;\n    *p = 1;\n    return 0;\n}\n")
        self.check(self.run_source(source), 139, errors=[r"SIGSEGV", r"#0 .*main.*x\.cpp:3"])

"""Images stay images under what compilers and linkers do to programs."""

from support import BUILD, HELLO_SOURCE, CommandTest, clean_environment, need_tool

# Exceptions, a map and streams, so that much of the C++ library is in it.
PROGRAM = """
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
int main(int argc, char** argv) {
    std::map<std::string, int> counts;
    for (int i = 0; i < argc; ++i) ++counts[argv[i]];
    try {
        if (counts["x"] != 2) throw std::runtime_error{"not two"};
        throw std::out_of_range{"two"};
    } catch (const std::out_of_range& error) {
        std::cout << "caught " << error.what() << '\\n';
    }
}
"""


class LinkTest(CommandTest):
    compiler = "c++"
    silent = b""

    def build(self, *flags, source=PROGRAM):
        image = self.folder / "image"
        result = self.execute(BUILD / "bin/eremite-c++", "-O2", *flags, self.write("program.cpp", source), "-o", image,
                              env=clean_environment(EREMITE_CXX=self.compiler))
        self.check(result, errors=self.silent)
        return image

    def works(self, image):
        self.check(self.eremite("info", image), output=": linked image$")
        self.check(self.run_program(image, "x", "x"), output=b"caught two\n", errors=b"")
        self.check(self.execute(image, "x", "x"), output=b"caught two\n", errors=b"")


class Gcc(LinkTest):
    def test_plain(self):
        self.works(self.build())

    def test_link_time_optimization(self):
        self.works(self.build("-flto"))

    def test_unused_sections_removed(self):
        image = self.build("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
        self.works(image)

    def test_debug_information(self):
        self.works(self.build("-g", "-O0"))

    def test_stack_protector_and_fortify(self):
        self.works(self.build("-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"))

    def test_position_independent_code(self):
        self.works(self.build("-fPIC"))

    def test_frame_pointers_and_no_inlining(self):
        self.works(self.build("-fno-omit-frame-pointer", "-fno-inline"))

    def test_vector_instructions(self):
        self.works(self.build("-O3", "-march=x86-64-v2"))

    def test_c(self):
        source = self.write("program.c", "#include <stdio.h>\nint main(void) { puts(\"C\"); return 5; }\n")
        self.check(self.execute(BUILD / "bin/eremite-cc", source, "-o", self.folder / "image"), errors=b"")
        self.check(self.run_program(self.folder / "image"), 5, output=b"C\n", errors=b"")


class Strip(LinkTest):
    def stripped(self, *options):
        image = self.build("-g")
        before = image.stat().st_size
        self.check(self.execute(need_tool("strip"), *options, image))
        self.assertLess(image.stat().st_size, before)
        self.works(image)

    def test_everything(self):
        self.stripped()

    def test_debug_information_only(self):
        self.stripped("--strip-debug")

    def test_at_link_time(self):
        self.works(self.build("-s"))

    def test_fault_without_symbols_is_still_told(self):
        image = self.build("-s", source="int* volatile p; int main() { return *p; }\n")
        self.check(self.run_program(image), 139, errors=["SIGSEGV", r"address 0x0\b", r"#0 +0x[0-9a-f]+"])


class Lld(LinkTest):
    def test_plain(self):
        need_tool("ld.lld")
        self.works(self.build("-fuse-ld=lld"))


class Clang(LinkTest):
    compiler = "clang++"
    silent = None  # judged by one test alone

    @classmethod
    def setUpClass(cls):
        need_tool("clang++")

    def test_no_warnings(self):
        """A project that turns warnings into errors would fail."""
        self.works(self.build("-Wall", "-Wextra", "-Werror"))

    def test_plain(self):
        self.works(self.build())

    def test_without_optimization(self):
        self.works(self.build("-O0", "-g"))

    def test_unused_sections_removed(self):
        self.works(self.build("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"))

    def test_link_time_optimization(self):
        # The linker needs clang's plugin for that, or is clang's own.
        plain = ["clang++", "-flto", "-static", "-x", "c++", "-", "-o", self.folder / "probe"]
        probe = self.execute(*plain, input=HELLO_SOURCE.encode())
        if probe.status != 0:
            self.skipTest(f"clang cannot do it here for ordinary programs either: {probe.error_text[-200:]}")
        self.works(self.build("-flto"))

"""Projects of users: a CMake package from an install tree, the toolchain file, Make with the wrappers."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from support import BUILD, CMAKE, LIMIT, MONITOR, SOURCE, CommandTest, clean_environment, need_tool

HELLO = '#include "greeting.hpp"\n#include <iostream>\nint main() { std::cout << greeting() << "\\n"; }\n'
GREETING = '#include "greeting.hpp"\nstd::string greeting() { return "hello from a project"; }\n'
HEADER = "#pragma once\n#include <string>\nstd::string greeting();\n"
SAID = b"hello from a project\n"


class ProjectTest(CommandTest):
    """Everything here uses an install tree, in a folder that no path of the build tree can be known to."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="eremite-e2e-prefix-")
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = pathlib.Path(folder.name) / "opt"
        install = [CMAKE, "--install", str(BUILD), "--prefix", str(cls.prefix)]
        done = subprocess.run(install, capture_output=True, timeout=LIMIT, env=clean_environment())
        if done.returncode != 0:
            raise AssertionError(f"cmake --install failed: {done.stderr.decode()}")
        cls.environment = clean_environment(PATH=f"{cls.prefix}/bin:{os.environ['PATH']}")
        cls.package = next(cls.prefix.glob("lib*/**/cmake/Eremite"))

    def cmake(self, source, *options, limit=120):
        build = self.folder / "build"
        generator = ["-G", "Ninja"] if self.ninja() else []
        self.check(self.execute(CMAKE, "-S", source, "-B", build, *generator, *options, limit=limit, env=self.environment))
        self.check(self.execute(CMAKE, "--build", build, limit=limit, env=self.environment))
        return build

    def ninja(self):
        try:
            return need_tool("ninja")
        except unittest.SkipTest:
            return None

    def write_sources(self):
        self.write("project/main.cpp", HELLO)
        self.write("project/greeting.cpp", GREETING)
        self.write("project/greeting.hpp", HEADER)
        return self.folder / "project"

    def run_installed(self, image, *arguments):
        command = [self.prefix / "bin/eremite", "run", *MONITOR, "--timeout", LIMIT, image, *arguments]
        return self.execute(*command, env=self.environment)

    def says(self, image, output=SAID):
        self.check(self.execute(self.prefix / "bin/eremite", "info", image), output=": linked image$")
        self.check(self.run_installed(image), output=output, errors=b"")
        self.check(self.execute(image), output=output, errors=b"")


class FindPackage(ProjectTest):
    PROJECT = """cmake_minimum_required(VERSION 3.20)
project(user LANGUAGES CXX)
find_package(Eremite 0.1 REQUIRED)
add_library(greeting STATIC greeting.cpp)
add_executable(said main.cpp)
target_link_libraries(said PRIVATE greeting)
eremite_unikernel(said)
"""

    def test_one_line_makes_an_image(self):
        project = self.write_sources()
        self.write("project/CMakeLists.txt", self.PROJECT)
        self.says(self.cmake(project, f"-DCMAKE_PREFIX_PATH={self.prefix}") / "said")

    def test_components(self):
        project = self.write_sources()
        for where, choice in (("COMPONENTS none", []), ("", ["-DEREMITE_COMPONENTS=none"])):
            with self.subTest(where):
                self.write("project/CMakeLists.txt", self.PROJECT.replace("eremite_unikernel(said)", f"eremite_unikernel(said {where})"))
                image = self.cmake(project, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-UEREMITE_COMPONENTS", *choice) / "said"
                self.says(image)
                result = self.execute(self.prefix / "bin/eremite", "run", *MONITOR, "--trace", image, env=self.environment)
                self.check(result, 125, errors="without the component trace")

    def test_unknown_component(self):
        project = self.write_sources()
        self.write("project/CMakeLists.txt", self.PROJECT.replace("eremite_unikernel(said)", "eremite_unikernel(said COMPONENTS sound)"))
        result = self.execute(CMAKE, "-S", project, "-B", self.folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}", env=self.environment)
        self.check(result, 1, errors='No image can have the components "sound"')

    def test_from_the_build_tree(self):
        project = self.write_sources()
        self.write("project/CMakeLists.txt", self.PROJECT)
        self.says(self.cmake(project, f"-DEremite_DIR={BUILD}/cmake/Eremite") / "said")

    def test_not_an_executable(self):
        project = self.write_sources()
        self.write("project/CMakeLists.txt", self.PROJECT.replace("eremite_unikernel(said)", "eremite_unikernel(greeting)"))
        result = self.execute(CMAKE, "-S", project, "-B", self.folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}", env=self.environment)
        self.check(result, 1, errors="greeting is not an executable")

    def test_version_too_new(self):
        project = self.write_sources()
        self.write("project/CMakeLists.txt", self.PROJECT.replace("0.1", "99.0"))
        result = self.execute(CMAKE, "-S", project, "-B", self.folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}", env=self.environment)
        self.check(result, 1, errors="99.0")


class Toolchain(ProjectTest):
    PROJECT = """cmake_minimum_required(VERSION 3.20)
project(user LANGUAGES C CXX)
enable_testing()
add_library(greeting greeting.cpp)
add_executable(said main.cpp)
target_link_libraries(said PRIVATE greeting)
add_test(NAME says COMMAND said)
set_tests_properties(says PROPERTIES PASS_REGULAR_EXPRESSION "hello from a project" TIMEOUT 60)
"""

    def test_unmodified_project(self):
        project = self.write_sources()
        self.write("project/CMakeLists.txt", self.PROJECT)
        build = self.cmake(project, f"-DCMAKE_TOOLCHAIN_FILE={self.package}/eremite-toolchain.cmake")
        self.says(build / "said")
        # Its tests run in virtual machines.
        ctest = pathlib.Path(CMAKE).with_name("ctest")
        tests = self.execute(ctest, "--test-dir", build, "--verbose", limit=120, env=self.environment)
        self.check(tests, output=["100% tests passed", r"eremite.* .*run"])

    def test_components(self):
        """In a project of times when CMake knew less."""
        project = self.write_sources()
        self.write("project/CMakeLists.txt", self.PROJECT.replace("3.20", "3.1"))
        build = self.cmake(project, f"-DCMAKE_TOOLCHAIN_FILE={self.package}/eremite-toolchain.cmake", "-DEREMITE_COMPONENTS=none")
        self.says(build / "said")
        result = self.execute(self.prefix / "bin/eremite", "run", *MONITOR, "--trace", build / "said", env=self.environment)
        self.check(result, 125, errors="without the component trace")


class Make(ProjectTest):
    MAKEFILE = """CXXFLAGS = -O2 -Wall
said: main.o greeting.o
\t$(CXX) $(LDFLAGS) -o $@ $^
clean:
\trm -f said *.o
"""

    def test_wrappers(self):
        need_tool("make")
        project = self.write_sources()
        self.write("project/Makefile", self.MAKEFILE)
        self.check(self.execute("make", "CXX=eremite-c++", cwd=project, limit=120, env=self.environment))
        self.says(project / "said")

    def test_configure_script(self):
        """What Autoconf's checks do: compile, link, run, and look at the result."""
        project = self.write_sources()
        self.write("project/configure", """#!/bin/sh
set -e
echo 'int main() { return 0; }' >conftest.cpp
$CXX conftest.cpp -o conftest && ./conftest
$CXX -c conftest.cpp -o conftest.o && $CXX conftest.o -o conftest2 && ./conftest2
$CXX -E conftest.cpp >conftest.i
$CXX --version >version
$CXX -dumpmachine
""", 0o755)
        result = self.execute("./configure", cwd=project, env={**self.environment, "CXX": "eremite-c++"})
        self.check(result, output="x86_64", errors=b"")


class Installed(ProjectTest):
    """The command where it was installed to, without the build tree's help."""

    def test_finds_its_parts(self):
        source = self.write("x.cpp", '#include <cstdio>\nint main() { std::puts("installed"); }\n')
        command = self.prefix / "bin/eremite"
        self.check(self.execute(command, "build", source, "-o", self.folder / "image", env=self.environment), errors=b"")
        self.says(self.folder / "image", b"installed\n")
        listing = self.check(self.execute(command, "info", self.folder / "image", env=self.environment), errors=b"")
        self.assertNotIn("not known:", listing.text)

    def test_boots_an_unmodified_executable(self):
        self.check(self.execute("c++", "-static", "-x", "c++", "-", "-o", self.folder / "plain", input=b"int main() { return 6; }\n"))
        self.check(self.run_installed(self.folder / "plain"), 6, output=b"", errors=b"")

    def test_no_path_of_the_build_tree_is_needed(self):
        for path in (self.package / "EremiteConfig.cmake", self.package / "Eremite.cmake", self.package / "eremite-toolchain.cmake",
                     self.prefix / "bin/eremite-c++"):
            self.assertNotIn(str(BUILD), path.read_text(), path)
            self.assertNotIn(str(SOURCE), path.read_text(), path)


def is_image(path):
    if not path.is_file() or not os.access(path, os.X_OK):
        return False
    with path.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return False
    return b"eremite_libos_text" in path.read_bytes()


class Examples(ProjectTest):
    """The projects under examples/, each as its users would build it."""

    def project(self, name):
        source = SOURCE / "examples" / name
        if not source.is_dir():
            self.skipTest(f"there is no examples/{name}")
        return source

    def images_work(self, folder, *arguments):
        images = sorted(path for path in folder.rglob("*") if is_image(path) and "CMakeFiles" not in path.parts)
        self.assertTrue(images, f"no image came of it: {sorted(folder.rglob('*'))}")
        for image in images:
            linux = self.execute(image, *arguments, input=None)
            machine = self.run_installed(image, *arguments)
            self.check(linux)
            self.check(machine, output=linux.output)

    def test_find_package(self):
        self.images_work(self.cmake(self.project("find-package"), f"-DCMAKE_PREFIX_PATH={self.prefix}"), "27")

    def test_cmake_project(self):
        self.images_work(self.cmake(self.project("cmake-project"), f"-DCMAKE_TOOLCHAIN_FILE={self.package}/eremite-toolchain.cmake"))

    def test_make_project(self):
        need_tool("make")
        source = self.project("make-project")
        copy = self.folder / "copy"
        shutil.copytree(source, copy)
        self.check(self.execute("make", "CC=eremite-cc", "CXX=eremite-c++", cwd=copy, limit=120, env=self.environment))
        self.images_work(copy)

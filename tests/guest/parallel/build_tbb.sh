#!/usr/bin/env bash
# Makes a static TBB and a program with it: the package libtbb-dev has a shared library only, so the library is built from the
# distribution's source package, once. Exit status 77: the sources cannot be had here.
#   build_tbb.sh FOLDER COMPILER SOURCE PROGRAM
set -euo pipefail
folder=$1 compiler=$2 source=$3 program=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$folder"
cd "$folder"

# Ends compiling well when the library is complete, so that an interrupted run starts anew. What is compiled is what the library's own
# build names, with its definitions of a static library.
build_library() {
    rm -rf objects
    mkdir objects
    grep -o '^    [a-z_]*\.cpp' sources/src/tbb/CMakeLists.txt | tr -d ' ' |
        xargs -P 2 -I {} "$compiler" -std=c++17 -O2 -DNDEBUG -w -mrtm -mwaitpkg -D__TBB_BUILD -D__TBB_DYNAMIC_LOAD_ENABLED=0 \
            -D__TBB_SOURCE_DIRECTLY_INCLUDED=1 -Isources/include -c sources/src/tbb/{} -o objects/{}.o
    ar rcs libtbb.a.new objects/*.o
    mv libtbb.a.new libtbb.a
    rm -rf objects
}

if [[ ! -d sources ]]; then "$here"/../../../scripts/fetch_source.sh "$folder" onetbb; fi
if [[ ! -f libtbb.a ]]; then build_library; fi
"$compiler" -std=c++20 -O2 -Wall -Wextra -Isources/include "$source" libtbb.a -o "$program"

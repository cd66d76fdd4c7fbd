#!/usr/bin/env bash
# Makes a static Google Benchmark and a program with it: the package libbenchmark-dev has a shared library only, so the
# library is built from the distribution's source package. Exit status 77: the sources cannot be had here.
#   fetch_benchmark.sh FOLDER COMPILER SOURCE PROGRAM
set -euo pipefail
folder=$1 compiler=$2 source=$3 program=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$folder"
cd "$folder"

# Ends compiling well when the library is complete, so that an interrupted run starts anew.
build_library() {
    rm -rf objects
    mkdir objects
    find sources/src -name '*.cc' ! -name benchmark_main.cc -printf '%f\n' |
        xargs -P 2 -I {} "$compiler" -std=c++17 -O2 -DNDEBUG -w -DBENCHMARK_STATIC_DEFINE -DHAVE_STD_REGEX -DHAVE_STEADY_CLOCK -Isources/include \
            -c sources/src/{} -o objects/{}.o
    ar rcs libbenchmark.a.new objects/*.o
    mv libbenchmark.a.new libbenchmark.a
    rm -rf objects
}

if [[ ! -d sources ]]; then "$here"/../../../scripts/fetch_source.sh "$folder" benchmark; fi
if [[ ! -f libbenchmark.a ]]; then build_library; fi
"$compiler" -std=c++20 -O2 -Wall -Wextra -DBENCHMARK_STATIC_DEFINE -Isources/include "$source" libbenchmark.a -o "$program"

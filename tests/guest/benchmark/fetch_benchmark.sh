#!/usr/bin/env bash
# Makes a static Google Benchmark and a program with it: the package libbenchmark-dev has a shared library only, so the
# library is built from the distribution's source package. APT runs on a state and a cache of its own in FOLDER; the
# system's are neither read nor written. Exit status 77: the sources cannot be had here.
#   fetch_benchmark.sh FOLDER COMPILER SOURCE PROGRAM
set -euo pipefail
folder=$1 compiler=$2 source=$3 program=$4
mkdir -p "$folder"
cd "$folder"

skip() {
    echo "skipped: $1"
    exit 77
}

# The machine's own package sources, as sources of source packages.
list_sources() {
    mkdir -p apt/sources.list.d apt/lists/partial apt/cache/archives/partial
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        if [[ -f $file ]]; then sed -n 's/^deb\([[:space:]]\)/deb-src\1/p' "$file" >apt/sources.list.d/"${file##*/}"; fi
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        if [[ -f $file ]]; then sed 's/^Types:.*/Types: deb-src/' "$file" >apt/sources.list.d/"${file##*/}"; fi
    done
}

private_apt() {
    timeout 60 "$@" -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$folder/apt/sources.list.d" \
        -o Dir::State="$folder/apt" -o Dir::State::Lists="$folder/apt/lists" -o Dir::State::status=/var/lib/dpkg/status \
        -o Dir::Cache="$folder/apt/cache" -o Acquire::Retries=1 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10 \
        -o Acquire::Languages=none -o APT::Get::List-Cleanup=false -o APT::Sandbox::User=
}

fetch_sources() {
    command -v apt-get >/dev/null || skip "there is no apt-get to fetch the sources of Google Benchmark"
    list_sources
    # One source that does not answer is no harm as long as the package is in another.
    private_apt apt-get update >apt/log 2>&1 || true
    mkdir -p download
    if ! (cd download && private_apt apt-get source --download-only benchmark >>../apt/log 2>&1); then
        skip "apt-get cannot fetch the source package benchmark: $(tail -n 3 apt/log | tr '\n' ' ')"
    fi
    mkdir -p sources.new
    tar -xf download/benchmark_*.orig.tar.* -C sources.new --strip-components=1
    mv sources.new sources
    rm -rf apt download
}

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

if [[ ! -d sources ]]; then fetch_sources; fi
if [[ ! -f libbenchmark.a ]]; then build_library; fi
"$compiler" -std=c++20 -O2 -Wall -Wextra -DBENCHMARK_STATIC_DEFINE -Isources/include "$source" libbenchmark.a -o "$program"

#!/usr/bin/env bash
# Makes the benchmark of SQLite: its own speed test is in the distribution's source package only. Exit status 77: the sources cannot be
# had here.
#   build_sqlite.sh FOLDER COMPILER PROGRAM
set -euo pipefail
folder=$1 compiler=$2 program=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$folder"
cd "$folder"

if [[ ! -d sources ]]; then "$here"/../scripts/fetch_source.sh "$folder" sqlite3; fi
${CC:-cc} -O2 -w -Dmain=speedtest1_main -c sources/test/speedtest1.c -o speedtest1.o
"$compiler" -std=c++20 -O2 -Wall -Wextra "$here"/{sqlite,first_process,measure}.cpp speedtest1.o -lsqlite3 -lm -o "$program"

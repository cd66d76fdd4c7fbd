#!/usr/bin/env bash
# Unpacks the upstream part of a source package of the distribution to FOLDER/sources. APT runs on a state and a cache of its own in
# FOLDER; the system's are neither read nor written. Exit status 77: the sources cannot be had here.
#   fetch_source.sh FOLDER PACKAGE
set -euo pipefail
folder=$1 package=$2
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

command -v apt-get >/dev/null || skip "there is no apt-get to fetch the sources of $package"
list_sources
# One source that does not answer is no harm as long as the package is in another.
private_apt apt-get update >apt/log 2>&1 || true

# The newest version, or an earlier one: a mirror may name files in its lists that it does not have.
download() {
    local version
    for version in $(private_apt apt-cache madison "$package" 2>>apt/log | awk -F' *[|] *' '$3 ~ /Sources$/ { print $2 }' | uniq); do
        rm -rf download
        mkdir download
        if (cd download && private_apt apt-get source --download-only "$package=$version" >>../apt/log 2>&1); then return 0; fi
    done
    return 1
}

download || skip "apt-get cannot fetch the source package $package: $(tail -n 3 apt/log | tr '\n' ' ')"
rm -rf sources.new
mkdir sources.new
archives=(download/"$package"_*.orig.tar.*)
# A signature beside it has a name of the same kind.
for archive in "${archives[@]}"; do
    if [[ $archive != *.asc ]]; then break; fi
done
tar -xf "$archive" -C sources.new --strip-components=1
mv sources.new sources
rm -rf apt download

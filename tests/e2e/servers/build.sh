#!/usr/bin/env bash
# Makes a server or client of the distribution as a static executable, FOLDER/NAME: from its source package, as Debian has none that is static.
# What is there already is kept, unless this file is newer. Exit status 77: the sources or libraries cannot be had here.
#   build.sh FOLDER redis|nginx|memcached|iperf3|curl
set -euo pipefail
folder=$1 name=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$folder"
cd "$folder"

# need_library FILE PACKAGE
need_library() {
    if [[ $(${CC:-cc} -print-file-name="$1") != /* ]]; then
        echo "skipped: there is no $1 (Debian package $2)"
        exit 77
    fi
}

build_redis() {
    make -C sources/src -j2 MALLOC=libc OPTIMIZATION=-O2 DEBUG= CFLAGS=-w LDFLAGS=-static redis-server redis-benchmark
    cp sources/src/redis-benchmark redis-benchmark
    cp sources/src/redis-server redis.new
}

build_nginx() {
    need_library libssl.a libssl-dev
    local without=() module
    for module in auth_basic autoindex browser charset empty_gif fastcgi geo grpc gzip limit_conn limit_req map memcached mirror proxy \
        referer rewrite scgi split_clients ssi upstream_hash upstream_ip_hash upstream_least_conn upstream_random upstream_keepalive \
        upstream_zone userid uwsgi; do
        without+=("--without-http_${module}_module")
    done
    (cd sources && ./configure "${without[@]}" --with-http_ssl_module --with-cc-opt="-O2 -w" --with-ld-opt=-static --prefix=/ \
        --conf-path=/nginx.conf --error-log-path=/dev/stderr --http-log-path=/dev/null --pid-path=/nginx.pid)
    make -C sources -j2
    cp sources/objs/nginx nginx.new
}

build_memcached() {
    need_library libevent.a libevent-dev
    (cd sources && ./configure --disable-docs --disable-coverage --disable-extstore --enable-64bit CFLAGS="-O2 -w" LDFLAGS=-static)
    make -C sources -j2 memcached
    cp sources/memcached memcached.new
}

# All of it is a library but the program that calls it.
build_iperf3() {
    need_library libiperf.a libiperf-dev
    need_library libsctp.a libsctp-dev
    ${CC:-cc} -O2 -Wall -Wextra "$here/iperf3.c" -static -liperf -lsctp -lssl -lcrypto -lm -o iperf3.new
}

# With its own protocol and encryption only.
build_curl() {
    need_library libssl.a libssl-dev
    cmake -S sources -B sources/build -G Ninja -DCMAKE_C_FLAGS="-O1 -w" -DCMAKE_EXE_LINKER_FLAGS=-static -DBUILD_SHARED_LIBS=OFF -DOPENSSL_USE_STATIC_LIBS=ON \
        -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON -DCURL_USE_LIBSSH2=OFF -DCURL_USE_LIBPSL=OFF -DUSE_NGHTTP2=OFF -DUSE_LIBIDN2=OFF -DCURL_ZLIB=OFF \
        -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF -DENABLE_MANUAL=OFF -DBUILD_TESTING=OFF -DPICKY_COMPILER=OFF
    ninja -C sources/build -j2 curl
    cp sources/build/src/curl curl.new
}

if [[ -x $name && $name -nt $here/build.sh ]]; then exit 0; fi
# Nothing stays of an attempt that failed.
rm -rf "$name" sources
if [[ $name != iperf3 ]]; then "$here"/../../../scripts/fetch_source.sh "$folder" "$name"; fi
set +e
(
    set -e
    "build_$name"
) >build.log 2>&1
status=$?
set -e
if ((status)); then
    tail -n 30 build.log
    exit "$status"
fi
strip "$name.new"
mv "$name.new" "$name"
rm -rf sources

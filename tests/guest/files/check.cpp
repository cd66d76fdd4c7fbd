#include "check.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace file_ops {

SystemCall system_call = nullptr;
FILE* output = stdout;
bool limited = false;
bool unnamed_files = true;

void report(const char* text, long result) {
    const bool failed = result < 0 && result > -4096;
    std::fprintf(output, "%s %ld %d\n", text, failed ? -1 : result, failed ? static_cast<int>(-result) : 0);
}

namespace {

Status status;

long status_of(const char* path) { return lstat(path, &status); }

}  // namespace

void limit_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = 1024;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) std::perror("setrlimit");
}

long mode_of(const char* path) {
    const long result = status_of(path);
    return result < 0 ? result : static_cast<long>(status.st_mode);
}

long size_of(const char* path) {
    const long result = status_of(path);
    return result < 0 ? result : status.st_size;
}

long links_of(const char* path) {
    const long result = status_of(path);
    return result < 0 ? result : static_cast<long>(status.st_nlink);
}

long blocks_of(const char* path) {
    const long result = status_of(path);
    return result < 0 ? result : status.st_blocks;
}

long make_file(const char* path, const char* contents) {
    const long fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) return fd;
    const long written = write(static_cast<int>(fd), contents, std::strlen(contents));
    close(static_cast<int>(fd));
    return written;
}

void show(const char* path) {
    static char buffer[201];
    const long fd = open(path, O_RDONLY);
    const long size = fd < 0 ? fd : read(static_cast<int>(fd), buffer, 200);
    if (fd >= 0) close(static_cast<int>(fd));
    buffer[std::max(size, 0L)] = 0;
    std::fprintf(output, "contents of %s: %ld \"%s\"\n", path, size, size < 0 ? "" : buffer);
}

void show_directory(const char* path) {
    alignas(8) static char buffer[4096];
    static std::array<std::array<char, 64>, 256> names;
    size_t count = 0;
    const long fd = open(path, O_RDONLY | O_DIRECTORY);
    long size = fd;
    while (fd >= 0 && (size = call(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < size;) {
            uint16_t length = 0;
            std::memcpy(&length, buffer + at + 16, sizeof length);
            if (count < names.size())
                std::snprintf(names[count].data(), names[count].size(), "%s:%d", buffer + at + 19, buffer[at + 18]), ++count;
            at += length;
        }
    }
    if (fd >= 0) close(static_cast<int>(fd));
    std::sort(names.begin(), names.begin() + static_cast<ptrdiff_t>(count),
              [](auto& a, auto& b) { return std::strcmp(a.data(), b.data()) < 0; });
    std::fprintf(output, "entries of %s: %ld", path, size);
    for (size_t i = 0; i < count; ++i) std::fprintf(output, " %s", names[i].data());
    std::fprintf(output, "\n");
}

}  // namespace file_ops

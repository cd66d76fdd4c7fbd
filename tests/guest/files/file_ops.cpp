// Exercises the system calls on files in a new directory below the one that is the argument, which should be on a tmpfs; with
// "limited", on a file system of another machine.
#include <cerrno>
#include <cstring>

#include "check.hpp"

namespace {

long through_c_library(long number, long a, long b, long c, long d, long e, long f) {
    const long result = ::syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace file_ops;
    limited = argc == 3 && std::strcmp(argv[2], "limited") == 0;
    unnamed_files = !limited;
    if (argc != (limited ? 3 : 2)) {
        std::fprintf(stderr, "usage: file_ops DIRECTORY [limited]\n");
        return 2;
    }
    system_call = through_c_library;
    char directory[256];
    std::snprintf(directory, sizeof directory, "%s/file_ops.%d", argv[1], static_cast<int>(::getpid()));
    if (file_ops::mkdir(directory, 0755) != 0 || file_ops::chdir(directory) != 0) {
        std::fprintf(stderr, "file_ops: %s: %s\n", directory, std::strerror(errno));
        return 2;
    }
    limit_descriptors();
    // Descriptors that were inherited would shift the numbers that are printed.
    call(SYS_close_range, 3, ~0U, 0);
    call(SYS_umask, 022);
    open_checks();
    io_checks();
    name_checks();
    path_checks();
    stat_checks();
    control_checks();
    size_checks();
    if (!limited) {
        xattr_checks();
        notify_checks();
        lock_checks();
        pipe_checks();
        unnamed_checks();
    }
    device_checks();
    if (!limited) map_checks();
    return file_ops::rmdir(directory) == 0 ? 0 : 1;
}

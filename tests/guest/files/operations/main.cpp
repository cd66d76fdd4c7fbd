// Every operation on files, with the errors that the manual documents, in a new directory below the one that is the argument.
// Passes on each file system once what that lacks has been declared.
#include <cerrno>
#include <csignal>
#include <cstring>

#include "expect.hpp"

namespace {

long through_c_library(long number, long a, long b, long c, long d, long e, long f) {
    const long result = ::syscall(number, a, b, c, d, e, f);
    return result == -1 ? -errno : result;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace file_ops;
    const char* parent = nullptr;
    bool good = true;
    for (int i = 1; i < argc; ++i) {
        constexpr char without[] = "--without=";
        if (std::strncmp(argv[i], without, sizeof without - 1) == 0) good = good && do_without(argv[i] + sizeof without - 1);
        else if (!parent && argv[i][0] != '-') parent = argv[i];
        else good = false;
    }
    if (!parent || !good) {
        std::fprintf(stderr, "usage: file_operations [--without=FEATURE,...] DIRECTORY\nfeatures: %s\n", feature_names());
        return 2;
    }
    system_call = through_c_library;
    char directory[4096];
    std::snprintf(directory, sizeof directory, "%s/file_operations.%d", parent, static_cast<int>(::getpid()));
    if (::mkdir(directory, 0755) != 0 || ::chdir(directory) != 0) {
        std::fprintf(stderr, "file_operations: %s: %s\n", directory, std::strerror(errno));
        return 2;
    }
    std::memset(longest_name, 'n', sizeof longest_name - 1);
    std::memset(too_long_name, 'n', sizeof too_long_name - 1);
    std::memset(too_long_path, '/', sizeof too_long_path - 1);
    limit_descriptors();
    // Descriptors that were inherited would shift the numbers, which are known.
    call(SYS_close_range, 3, ~0U, 0);
    call(SYS_umask, 022);
    std::signal(SIGPIPE, SIG_IGN);
    opening();
    opening_unnamed();
    resolving();
    transferring();
    seeking();
    copying();
    naming();
    linking();
    renaming();
    listing();
    attributes();
    times();
    sizes();
    locking();
    extended_attributes();
    mapping();
    watching();
    descriptors();
    many_threads();
    OK(file_ops::rmdir(directory));
    return summary();
}

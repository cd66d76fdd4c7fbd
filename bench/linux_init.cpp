// The first process of a Linux guest that has a network: prepares the guest and becomes /program. Its first argument is the address of the
// network device, as ADDRESS/LENGTH; the others are the program's.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "first_process.hpp"

int main(int argc, char** argv) {
    using namespace eremite::bench;
    if (argc < 2) return 2;
    prepare_guest({});
    mkdir("/proc", 0555);
    if (mount("proc", "/proc", "proc", 0, nullptr) != 0) fail("mount /proc");
    start_loopback();
    start_interface("eth0", argv[1]);
    argv[1] = const_cast<char*>("/program");
    execv(argv[1], argv + 1);
    fail(argv[1]);
}

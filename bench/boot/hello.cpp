// Hello world, with the time at which main was reached. The time stamp counter starts at 0 with the virtual machine, so it is the
// time since then, or under QEMU's `-icount shift=0` the instructions executed since then.
#include <sys/reboot.h>
#include <unistd.h>
#include <x86intrin.h>

#include <iostream>
#include <string_view>

int main(int argc, char** argv) {
    unsigned long long main_ticks = __rdtsc();
    // The marker that the harness waits for goes out before anything else is done.
    constexpr std::string_view marker = "main\n";
    if (write(STDOUT_FILENO, marker.data(), marker.size()) < 0) return 1;
    std::cout << "hello, world\nmain ticks " << main_ticks << std::endl;
    // A Linux guest's first process must not return.
    if (argc > 1 && std::string_view(argv[1]) == "--init") reboot(RB_AUTOBOOT);
    return 0;
}

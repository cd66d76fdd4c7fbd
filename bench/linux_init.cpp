// The first process of a Linux guest that has a network: prepares the guest and becomes /program. Its first argument is the address of the
// network device, as ADDRESS/LENGTH; the others are the program's.
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "first_process.hpp"

namespace {

using eremite::bench::fail;

class Interface {
public:
    explicit Interface(const char* name) { std::strncpy(request_.ifr_name, name, IFNAMSIZ - 1); }
    void set(unsigned long what, in_addr address) {
        auto& to = reinterpret_cast<sockaddr_in&>(request_.ifr_addr);
        to = {};
        to.sin_family = AF_INET;
        to.sin_addr = address;
        call(what, request_.ifr_name);
    }
    void up() {
        request_.ifr_flags = IFF_UP | IFF_RUNNING;
        call(SIOCSIFFLAGS, request_.ifr_name);
    }

private:
    void call(unsigned long what, const char* name) {
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || ioctl(fd, what, &request_) != 0) fail(name);
        close(fd);
    }

    ifreq request_{};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    eremite::bench::prepare_guest({});
    mkdir("/proc", 0555);
    if (mount("proc", "/proc", "proc", 0, nullptr) != 0) fail("mount /proc");
    const std::string text = argv[1];
    const size_t slash = text.find('/');
    in_addr address{};
    if (slash == text.npos || inet_pton(AF_INET, text.substr(0, slash).c_str(), &address) != 1) fail(argv[1]);
    Interface{"lo"}.up();
    Interface device{"eth0"};
    device.set(SIOCSIFADDR, address);
    device.set(SIOCSIFNETMASK, {htonl(~uint32_t{0} << (32 - std::atoi(text.c_str() + slash + 1)))});
    device.up();
    argv[1] = const_cast<char*>("/program");
    execv(argv[1], argv + 1);
    fail(argv[1]);
}

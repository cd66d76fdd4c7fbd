#include "first_process.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace eremite::bench {

void prepare_guest(const Options& options) {
    std::vector<std::string> modules;
    if (DIR* const listing = opendir("/modules")) {
        while (const dirent* const entry = readdir(listing))
            if (entry->d_name[0] != '.') modules.push_back(std::string{"/modules/"} + entry->d_name);
        closedir(listing);
    }
    std::sort(modules.begin(), modules.end());
    for (const std::string& module : modules) {
        const int fd = open(module.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0) fail(module.c_str());
        close(fd);
    }
    if (mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr) != 0) fail("mount /dev");
    mkdir(options.directory.c_str(), 0777);
    const size_t colon = options.mount.find(':');
    const std::string type = options.mount.substr(0, colon), source = options.mount.substr(colon + 1);
    if (mount(source.c_str(), options.directory.c_str(), type.c_str(), 0, nullptr) != 0) fail(options.mount.c_str());
}

void start_interface(const char* name, const std::string& address) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    const auto set = [&](unsigned long what, in_addr value) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr = value;
        std::memcpy(&request.ifr_addr, &to, sizeof to);
        if (ioctl(fd, what, &request) != 0) fail(name);
    };
    if (!address.empty()) {
        const size_t slash = address.find('/');
        in_addr value{};
        errno = EINVAL;
        if (slash == address.npos || inet_pton(AF_INET, address.substr(0, slash).c_str(), &value) != 1) fail(address.c_str());
        set(SIOCSIFADDR, value);
        set(SIOCSIFNETMASK, {htonl(~uint32_t{0} << (32 - std::atoi(address.c_str() + slash + 1)))});
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) fail(name);
    close(fd);
}

}  // namespace eremite::bench

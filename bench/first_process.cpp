#include "first_process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
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

}  // namespace eremite::bench

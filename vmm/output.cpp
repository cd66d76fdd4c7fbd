#include "vmm/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace eremite::vmm {

void write_all(int fd, std::span<const std::byte> data) {
    while (!data.empty()) {
        const ssize_t written = ::write(fd, data.data(), data.size());
        if (written >= 0) {
            data = data.subspan(static_cast<size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
            (void)::poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return;
        }
    }
}

}  // namespace eremite::vmm

// Of images without the component `net`.
#include "libos/fs/proc/network.hpp"
#include "libos/socket/inet_sockets.hpp"

namespace eremite::socket {

Result<Ref<Socket>> create_network_socket(int, int, int, uint32_t) { return Error{EAFNOSUPPORT}; }
Result<long> interface_ioctl(uint32_t, uint64_t) { return Error{ENOTTY}; }

}  // namespace eremite::socket

namespace eremite::fs::proc {

std::span<const Entry> network_files() {
    static constexpr Entry files[] = {{"unix", Entry::Kind::File, write_local_sockets}};
    return files;
}
std::span<const Entry> network_settings() { return {}; }

}  // namespace eremite::fs::proc

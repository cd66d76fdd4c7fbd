// Of images without sockets between machines.
#include "libos/socket/vsock_sockets.hpp"

namespace eremite::socket {

bool has_vsock() { return false; }
Result<Ref<Socket>> create_vsock_socket(int, int, uint32_t) { return Error{EAFNOSUPPORT}; }
Result<Ref<fs::File>> open_vsock_device(Ref<fs::Inode>, uint32_t) { return Error{ENXIO}; }
void finish_vsock() {}

}  // namespace eremite::socket

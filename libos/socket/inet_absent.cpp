// Of images without the component `net`.
#include "libos/socket/inet_sockets.hpp"

namespace eremite::socket {

Result<Ref<Socket>> create_inet_socket(int, int, int, uint32_t) { return Error{EAFNOSUPPORT}; }

}  // namespace eremite::socket

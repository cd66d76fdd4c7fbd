#include "libos/syscall/socket.hpp"

#include <algorithm>
#include <array>

#include "libos/process/process.hpp"
#include "libos/socket/local_socket.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

Result<SocketReference> SocketReference::get(int descriptor) {
    SocketReference reference{TRY(get_file(descriptor))};
    if (!reference.socket_) return Error{ENOTSOCK};
    return reference;
}

Result<void> store_address(SocketReference& socket, bool of_peer, VirtualAddress address, VirtualAddress length) {
    if (address.value == 0) return {};
    const mm::UserPtr<int> length_pointer{length};
    const int room = TRY(length_pointer.load());
    if (room < 0) return Error{EINVAL};
    std::array<uint8_t, sizeof(sockaddr_storage)> bytes;
    const size_t size = TRY(socket->address(of_peer, bytes));
    TRY(mm::copy_to_user(address, bytes.data(), std::min(size, static_cast<size_t>(room))));
    return length_pointer.store(static_cast<int>(size));
}

Result<long> sys_socketpair(int family, int type, int protocol, VirtualAddress descriptors) {
    constexpr int type_mask = 0xf;
    const int flags = type & ~type_mask;
    type &= type_mask;
    if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return Error{EINVAL};
    if (family != AF_UNIX) return Error{EAFNOSUPPORT};
    if (protocol != 0 && protocol != PF_UNIX) return Error{EPROTONOSUPPORT};
    // Linux takes raw local sockets for datagram sockets.
    if (type == SOCK_RAW) type = SOCK_DGRAM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) return Error{ESOCKTNOSUPPORT};
    fs::FileTable& files = process::current().files();
    socket::SocketPair pair = TRY(socket::create_local_pair(type, flags & SOCK_NONBLOCK));
    return add_two(files, std::move(pair.first), std::move(pair.second), (flags & SOCK_CLOEXEC) != 0, descriptors);
}

Result<long> sys_shutdown(int descriptor, int how) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    TRY(socket->shutdown(how));
    return 0L;
}

namespace {

Result<long> name(int descriptor, bool of_peer, VirtualAddress address, VirtualAddress length) {
    SocketReference socket = TRY(SocketReference::get(descriptor));
    if (address.value == 0) return Error{EFAULT};
    TRY(store_address(socket, of_peer, address, length));
    return 0L;
}

}  // namespace

Result<long> sys_getsockname(int descriptor, VirtualAddress address, VirtualAddress length) { return name(descriptor, false, address, length); }
Result<long> sys_getpeername(int descriptor, VirtualAddress address, VirtualAddress length) { return name(descriptor, true, address, length); }

}  // namespace eremite::syscall

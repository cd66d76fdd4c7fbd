#include "libos/syscall/socket.hpp"

#include <algorithm>
#include <array>

#include "libos/process/process.hpp"
#include "libos/socket/inet_sockets.hpp"
#include "libos/socket/local_socket.hpp"
#include "libos/socket/vsock_sockets.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

Result<SocketReference> SocketReference::get(int descriptor) {
    SocketReference reference{TRY(get_file(descriptor))};
    if (!reference.socket_) return Error{ENOTSOCK};
    return reference;
}

Result<void> AddressArgument::load(VirtualAddress address, int length) {
    if (length < 0 || static_cast<size_t>(length) > sizeof bytes_) return Error{EINVAL};
    TRY(mm::copy_from_user(bytes_, address, static_cast<size_t>(length)));
    size_ = static_cast<size_t>(length);
    return {};
}

Result<void> store_address(std::span<const uint8_t> bytes, size_t size, VirtualAddress address, VirtualAddress length) {
    const mm::UserPtr<int> length_pointer{length};
    const int room = TRY(length_pointer.load());
    if (room < 0) return Error{EINVAL};
    TRY(mm::copy_to_user(address, bytes.data(), std::min({size, bytes.size(), static_cast<size_t>(room)})));
    return length_pointer.store(static_cast<int>(size));
}

namespace {

struct TypeArgument {
    int type;
    uint32_t nonblocking;  // O_NONBLOCK
    bool close_on_exec;
};

Result<TypeArgument> parse_type(int type) {
    constexpr int type_mask = 0xf;
    const int flags = type & ~type_mask;
    if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return Error{EINVAL};
    if ((type & type_mask) > SOCK_PACKET) return Error{EINVAL};
    return TypeArgument{type & type_mask, static_cast<uint32_t>(flags & SOCK_NONBLOCK), (flags & SOCK_CLOEXEC) != 0};
}

// The type of a local socket.
Result<int> local_type(int type, int protocol) {
    if (protocol != 0 && protocol != PF_UNIX) return Error{EPROTONOSUPPORT};
    // Linux takes raw local sockets for datagram sockets.
    if (type == SOCK_RAW) return SOCK_DGRAM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) return Error{ESOCKTNOSUPPORT};
    return type;
}

Result<Ref<socket::Socket>> create(int family, const TypeArgument& wanted, int protocol) {
    if (family == AF_VSOCK) return socket::create_vsock_socket(wanted.type, protocol, wanted.nonblocking);
    if (family != AF_UNIX) return socket::create_network_socket(family, wanted.type, protocol, wanted.nonblocking);
    return Ref<socket::Socket>{TRY(make_ref<socket::LocalSocket>(TRY(local_type(wanted.type, protocol)), wanted.nonblocking))};
}

}  // namespace

Result<long> sys_socket(int family, int type, int protocol) {
    const TypeArgument wanted = TRY(parse_type(type));
    Ref<socket::Socket> made = TRY(create(family, wanted, protocol));
    return TRY(process::current().files().add(std::move(made), wanted.close_on_exec));
}

Result<long> sys_bind(int descriptor, VirtualAddress address, int length) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    AddressArgument argument;
    TRY(argument.load(address, length));
    TRY(socket->bind(argument.bytes()));
    return 0L;
}

Result<long> sys_connect(int descriptor, VirtualAddress address, int length) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    AddressArgument argument;
    TRY(argument.load(address, length));
    TRY(socket->connect(argument.bytes()));
    return 0L;
}

Result<long> sys_listen(int descriptor, int backlog) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    TRY(socket->listen(backlog));
    return 0L;
}

Result<long> sys_accept4(int descriptor, VirtualAddress address, VirtualAddress length, int flags) {
    if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return Error{EINVAL};
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    Ref<socket::Socket> accepted = TRY(socket->accept(static_cast<uint32_t>(flags & SOCK_NONBLOCK), true));
    if (address.value != 0) {
        std::array<uint8_t, sizeof(sockaddr_storage)> bytes;
        const size_t size = TRY(accepted->address(true, bytes));
        TRY(store_address(bytes, size, address, length));
    }
    return TRY(process::current().files().add(std::move(accepted), (flags & SOCK_CLOEXEC) != 0));
}

Result<long> sys_accept(int descriptor, VirtualAddress address, VirtualAddress length) { return sys_accept4(descriptor, address, length, 0); }

Result<long> sys_socketpair(int family, int type, int protocol, VirtualAddress descriptors) {
    const TypeArgument wanted = TRY(parse_type(type));
    if (family != AF_UNIX) return Error{family == AF_INET || family == AF_INET6 || (family == AF_VSOCK && socket::has_vsock()) ? EOPNOTSUPP : EAFNOSUPPORT};
    const int local = TRY(local_type(wanted.type, protocol));
    fs::FileTable& files = process::current().files();
    socket::SocketPair pair = TRY(socket::create_local_pair(local, wanted.nonblocking));
    return add_two(files, std::move(pair.first), std::move(pair.second), wanted.close_on_exec, descriptors);
}

Result<long> sys_shutdown(int descriptor, int how) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    TRY(socket->shutdown(how));
    return 0L;
}

namespace {

Result<long> name(int descriptor, bool of_peer, VirtualAddress address, VirtualAddress length) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    std::array<uint8_t, sizeof(sockaddr_storage)> bytes;
    const size_t size = TRY(socket->address(of_peer, bytes));
    TRY(store_address(bytes, size, address, length));
    return 0L;
}

}  // namespace

Result<long> sys_getsockname(int descriptor, VirtualAddress address, VirtualAddress length) { return name(descriptor, false, address, length); }
Result<long> sys_getpeername(int descriptor, VirtualAddress address, VirtualAddress length) { return name(descriptor, true, address, length); }

}  // namespace eremite::syscall

#pragma once
// Sockets. Handlers follow section 2 of the Linux manual.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/socket/socket.hpp"

namespace eremite::syscall {

// A reference to an open file that is a socket. EBADF, ENOTSOCK.
class SocketReference {
public:
    [[nodiscard]] static Result<SocketReference> get(int descriptor);
    socket::Socket* operator->() const { return socket_; }

private:
    explicit SocketReference(Ref<fs::File> file) : file_{std::move(file)}, socket_{socket::Socket::of(*file_)} {}
    Ref<fs::File> file_;
    socket::Socket* socket_;
};
// A socket address of a program, copied.
class AddressArgument {
public:
    // EINVAL: a length that cannot be; EFAULT.
    [[nodiscard]] Result<void> load(VirtualAddress address, int length);
    [[nodiscard]] std::span<const uint8_t> bytes() const { return {bytes_, size_}; }

private:
    uint8_t bytes_[sizeof(sockaddr_storage)];
    size_t size_ = 0;
};
// Stores a socket address, of which `size` bytes may be more than there are, and its size: as much as fits, and how long it is.
[[nodiscard]] Result<void> store_address(std::span<const uint8_t> bytes, size_t size, VirtualAddress address, VirtualAddress length);

Result<long> sys_socketpair(int family, int type, int protocol, VirtualAddress descriptors);
Result<long> sys_socket(int family, int type, int protocol);
Result<long> sys_bind(int descriptor, VirtualAddress address, int length);
Result<long> sys_connect(int descriptor, VirtualAddress address, int length);
Result<long> sys_listen(int descriptor, int backlog);
Result<long> sys_accept(int descriptor, VirtualAddress address, VirtualAddress length);
Result<long> sys_accept4(int descriptor, VirtualAddress address, VirtualAddress length, int flags);
Result<long> sys_shutdown(int descriptor, int how);
Result<long> sys_getsockname(int descriptor, VirtualAddress address, VirtualAddress length);
Result<long> sys_getpeername(int descriptor, VirtualAddress address, VirtualAddress length);
// In socket_option.cpp.
Result<long> sys_getsockopt(int descriptor, int level, int option, VirtualAddress value, VirtualAddress length);
Result<long> sys_setsockopt(int descriptor, int level, int option, VirtualAddress value, int length);
// In socket_message.cpp.
Result<long> sys_sendto(int descriptor, VirtualAddress data, size_t size, int flags, VirtualAddress address, int length);
Result<long> sys_recvfrom(int descriptor, VirtualAddress data, size_t size, int flags, VirtualAddress address, VirtualAddress length);
Result<long> sys_sendmsg(int descriptor, VirtualAddress message, int flags);
Result<long> sys_recvmsg(int descriptor, VirtualAddress message, int flags);
// `list`: an array of struct mmsghdr.
Result<long> sys_sendmmsg(int descriptor, VirtualAddress list, uint32_t count, int flags);
Result<long> sys_recvmmsg(int descriptor, VirtualAddress list, uint32_t count, int flags, VirtualAddress timeout);

}  // namespace eremite::syscall

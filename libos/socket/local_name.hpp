#pragma once
// Names of local sockets (unix(7)): paths, which stand for a file, and abstract ones, which stand for themselves.
#include <sys/socket.h>
#include <sys/un.h>

#include "base/list.hpp"
#include "libos/fs/inode.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::socket {

class LocalSocket;

// The lock of all local sockets, with which they find each other.
[[nodiscard]] sync::Spinlock& local_lock();

// An address as a program wrote it.
class LocalAddress {
public:
    // EINVAL.
    [[nodiscard]] static Result<LocalAddress> parse(std::span<const uint8_t> bytes);
    // A free name of the kernel's choice, given an abstract name's number.
    [[nodiscard]] static LocalAddress numbered(uint32_t number);

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] bool abstract() const { return path_[0] == '\0'; }
    [[nodiscard]] std::string_view path() const { return {path_, size_}; }
    // Writes it as getsockname(2) does, as much as fits; returns its size.
    [[nodiscard]] size_t write(std::span<uint8_t> buffer) const;

    Ref<fs::Inode> inode{};  // of a path that was looked up

private:
    char path_[sizeof(sockaddr_un::sun_path) + 1]{};
    size_t size_ = 0;  // of the path without its final zero, or of the whole abstract name
};

// A name that a socket has; messages keep it beyond the socket's end.
struct LocalName final : RefCounted, ListNode<> {
    explicit LocalName(const LocalAddress& a) : address{a} {}
    const LocalAddress address;
    LocalSocket* holder = nullptr;  // null: it has gone. Guarded by the lock, as is the list of all names.
};

// Makes the file of a path: EADDRINUSE, ENOENT and their like. Nothing for an abstract name.
[[nodiscard]] Result<void> create_file(LocalAddress& address);
// Finds the file of a path. ENOENT and its like; ECONNREFUSED: it is none of a socket. Nothing for an abstract name.
[[nodiscard]] Result<void> find_file(LocalAddress& address);
// These require the lock. Enters a name in the list of all. EADDRINUSE.
[[nodiscard]] Result<void> publish(LocalName& name, LocalSocket& holder);
// Null: nobody has this name.
[[nodiscard]] LocalSocket* find_local(const LocalAddress& address);

// All names.
[[nodiscard]] List<LocalName>& local_names();
template <typename Function>
void for_each_local(Function function) {
    for (const LocalName& name : local_names()) function(name);
}

}  // namespace eremite::socket

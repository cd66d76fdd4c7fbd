#include "vmm/vsock/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "vmm/error.hpp"

namespace eremite::vmm::vsock {

namespace {

constexpr int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int waiting = 128;  // who connects at once
constexpr size_t longest_port = sizeof "_4294967295";

std::optional<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos) return std::nullopt;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

// SAFETY (of all three): sockaddr_un begins as every address of a socket does.
int bind_to(const UniqueFd& socket, const sockaddr_un& address) {
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}
int connect_with(const UniqueFd& socket, const sockaddr_un& address) {
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// Whether there is a socket at which nobody listens any more.
bool is_left_over(const std::string& path, const sockaddr_un& address) {
    struct stat what {};
    if (::lstat(path.c_str(), &what) != 0 || !S_ISSOCK(what.st_mode)) return false;
    const UniqueFd probe{::socket(AF_UNIX, kind, 0)};
    return probe && connect_with(probe, address) != 0 && errno == ECONNREFUSED;
}

}  // namespace

UniqueFd listen_at(const std::string& path) {
    const auto address = address_of(path);
    if (!address || path.size() + longest_port > sizeof address->sun_path)
        throw Error{"--vsock " + path + ": the path of a socket has at most " + std::to_string(sizeof address->sun_path - longest_port) +
                    " characters, with room for a port's number behind it: choose a shorter one"};
    UniqueFd socket{::socket(AF_UNIX, kind, 0)};
    if (!socket) throw system_error("socket");
    int bound = bind_to(socket, *address);
    if (bound != 0 && errno == EADDRINUSE) {
        remove_left_over(path);
        bound = bind_to(socket, *address);
    }
    if (bound != 0 && errno == EADDRINUSE) throw Error{"--vsock " + path + ": there is something already: choose another path, or remove it"};
    if (bound != 0 || ::listen(socket.get(), waiting) != 0) throw system_error("--vsock " + path + ": no socket can be made here");
    return socket;
}

void remove_left_over(const std::string& path) {
    const auto address = address_of(path);
    if (address && is_left_over(path, *address)) (void)::unlink(path.c_str());
}

UniqueFd accept_from(const UniqueFd& listener) { return UniqueFd{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)}; }

UniqueFd connect_to(const std::string& path) {
    const auto address = address_of(path);
    if (!address) return {};
    UniqueFd socket{::socket(AF_UNIX, kind, 0)};
    if (!socket || connect_with(socket, *address) != 0) return {};
    return socket;
}

}  // namespace eremite::vmm::vsock

#pragma once
// The host's side of a socket device: a folder for its sockets, and programs that connect.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "vmm/unique_fd.hpp"

namespace eremite::test {

struct HostFolder {
    HostFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "eremite-vsock-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
        path = name;
    }
    HostFolder(const HostFolder&) = delete;
    HostFolder& operator=(const HostFolder&) = delete;
    ~HostFolder() { std::filesystem::remove_all(path); }
    [[nodiscard]] std::string name(const std::string& file) const { return (path / file).string(); }
    std::filesystem::path path;
};

inline sockaddr_un unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

inline vmm::UniqueFd connect_unix(const std::string& path) {
    vmm::UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_un address = unix_address(path);
    // SAFETY: sockaddr_un begins as every address of a socket does.
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error{"connect"};
    return socket;
}

inline vmm::UniqueFd listen_unix(const std::string& path) {
    vmm::UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_un address = unix_address(path);
    // SAFETY: as above.
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(socket.get(), 16) != 0)
        throw std::runtime_error{"listen"};
    return socket;
}

inline void say(const vmm::UniqueFd& socket, std::string_view text) {
    ASSERT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT), static_cast<ssize_t>(text.size()));
}

// What is there now; `ended` tells whether that is all that will ever come.
inline std::string hear(const vmm::UniqueFd& socket, bool* ended = nullptr) {
    std::string text;
    std::string part(65536, '\0');
    ssize_t count;
    while ((count = ::recv(socket.get(), part.data(), part.size(), MSG_DONTWAIT)) > 0) text += part.substr(0, static_cast<size_t>(count));
    if (ended) *ended = count == 0 || errno != EAGAIN;
    return text;
}

inline bool has_ended(const vmm::UniqueFd& socket) {
    bool ended = false;
    (void)hear(socket, &ended);
    return ended;
}

}  // namespace eremite::test

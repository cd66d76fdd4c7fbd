#include "cli/share_daemon.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

constexpr int answer_timeout = 10'000;  // milliseconds

// In the daemon's option lists, which are those of fuse_opt_parse.
std::string escape(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        if (c == ',' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

[[noreturn]] void fail(const char* what) {
    throw Failure{exit_status::eremite_failed, fmt::format("cannot share a folder: {}: {}", what, std::strerror(errno))};
}

}  // namespace

std::optional<std::filesystem::path> ShareDaemon::find(std::string& why) {
    if (::geteuid() != 0) {
        why = "virtiofsd needs root";
        return std::nullopt;
    }
    for (const char* name : {"virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"})
        if (auto path = find_in_path(name)) return path;
    why = "virtiofsd is not installed";
    return std::nullopt;
}

// The socket has a name that the kernel makes up and that no file stands for (unix(7)); by the time the daemon accepts, our
// connection is the one that waits.
ShareDaemon::ShareDaemon(const std::filesystem::path& program, const std::string& folder)
    : messages_{::memfd_create("virtiofsd", MFD_CLOEXEC)},
      listening_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)},
      connection_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t size = sizeof address;
    if (!messages_) fail("memfd_create");
    if (!listening_ || !connection_) fail("socket");
    if (::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address.sun_family) != 0) fail("bind");
    if (::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
    if (::listen(listening_.get(), 1) != 0) fail("listen");
    if (::connect(connection_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) fail("connect");
    constexpr int theirs = 3;
    child_.emplace(std::vector<std::string>{program.string(), fmt::format("--fd={}", theirs), "-f", "-o",
                                            "cache=auto,xattr,log_level=err,source=" + escape(folder)},
                   std::vector<std::pair<int, int>>{{listening_.get(), theirs}, {messages_.get(), STDERR_FILENO}});
    listening_.reset();
    wait_for_answer(program, folder);
}

// One that answers has done all that could fail for want of rights. The question is VHOST_USER_GET_FEATURES, which changes nothing
// (QEMU's documentation, "Vhost-user Protocol").
void ShareDaemon::wait_for_answer(const std::filesystem::path& program, const std::string& folder) {
    struct [[gnu::packed]] Header {
        uint32_t request = 1;
        uint32_t flags = 1;  // the version
        uint32_t size = 0;
    };
    struct [[gnu::packed]] {
        Header header;
        uint64_t features;
    } answer{};
    const Header question;
    pollfd event{.fd = connection_.get(), .events = POLLIN, .revents = 0};
    const bool answered = ::send(connection_.get(), &question, sizeof question, MSG_NOSIGNAL) == sizeof question &&
                          ::poll(&event, 1, answer_timeout) == 1 &&
                          ::recv(connection_.get(), &answer, sizeof answer, MSG_WAITALL) == sizeof answer;
    if (answered) return;
    std::array<char, 4096> text{};
    const ssize_t got = ::pread(messages_.get(), text.data(), text.size(), 0);
    throw Failure{exit_status::eremite_failed, fmt::format("{} does not share {}; --share 9p does without it\n{}", program.string(), folder,
                                                           std::string_view{text.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))})};
}

}  // namespace eremite::cli

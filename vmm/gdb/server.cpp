#include "vmm/gdb/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "vmm/error.hpp"

namespace eremite::vmm::gdb {

Server::Server(uint16_t port) : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}, end_event_{make_event()} {
    if (!listener_) throw system_error("the debugger's socket");
    constexpr int yes = 1;
    (void)::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // SAFETY: this is how socket addresses are passed.
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_.get(), 1) != 0)
        throw system_error("the debugger's port " + std::to_string(port) + " cannot be had, choose another one with --gdb PORT");
}

Server::~Server() {
    if (!thread_.joinable()) return;
    loop_.stop();
    thread_.join();
}

void Server::list_needs(sandbox::Needs& needs) const {
    needs.add_calls({SYS_accept4, SYS_shutdown});
    needs.calls.push_back(sandbox::with_argument(SYS_setsockopt, 1, IPPROTO_TCP));
    Processor::list_needs(needs);
}

void Server::attach(const Debuggee& machine) {
    target_.emplace(machine, [this](const Stop& stop) {
        stub_->stopped(stop);
        flush();
    });
    stub_.emplace(*target_, [this](std::string_view bytes) { send(bytes); });
    loop_.add_event(end_event_.get(), [this] { finish(); });
    loop_.add(target_->event(), EPOLLIN, [this](uint32_t) { target_->look(); });
    loop_.add(listener_.get(), EPOLLIN, [this](uint32_t) { accept(); });
}

void Server::run() {
    thread_ = std::thread{[this] { loop_.run(); }};
}

void Server::accept() {
    UniqueFd connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    // There is a debugger already; or the one that came is gone again.
    if (!connection || (connection_ && !stub_->is_over())) return;
    close_connection();
    constexpr int yes = 1;
    (void)::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connection_ = std::move(connection);
    stub_->connect();
    loop_.add(connection_.get(), EPOLLIN, [this](uint32_t events) { receive(events); });
}

void Server::receive(uint32_t events) {
    if (!connection_) return;
    if ((events & EPOLLOUT) != 0) flush();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || !connection_) return;
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(connection_.get(), bytes.data(), bytes.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return close_connection();
    if (stub_->is_over()) return;
    stub_->take({bytes.data(), static_cast<size_t>(got)});
    flush();
    // GDB closes it when it has read what came last.
    if (connection_ && stub_->is_over() && unsent_.empty()) (void)::shutdown(connection_.get(), SHUT_WR);
}

void Server::send(std::string_view bytes) {
    if (unsent_.size() + bytes.size() <= most_unsent) unsent_ += bytes;
}

void Server::flush() {
    if (!connection_) return;
    while (!unsent_.empty()) {
        const ssize_t sent = ::write(connection_.get(), unsent_.data(), unsent_.size());
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) return close_connection();
        if (sent < 0) break;
        unsent_.erase(0, static_cast<size_t>(sent));
    }
    loop_.change(connection_.get(), unsent_.empty() ? uint32_t{EPOLLIN} : uint32_t{EPOLLIN | EPOLLOUT});
}

void Server::close_connection() {
    if (!connection_) return;
    loop_.remove(connection_.get());
    connection_.reset();
    unsent_.clear();
    stub_->disconnect();
}

void Server::detach(std::optional<uint8_t> status) {
    status_ = status;
    signal_event(end_event_.get());
    thread_.join();
}

// A connection that is closed with something unread in it takes what was sent last with it: GDB closes it first, if it does so soon.
void Server::finish() {
    constexpr int soon_ms = 1000;
    loop_.stop();
    stub_->ended(status_);
    flush();
    if (!connection_) return;
    (void)::shutdown(connection_.get(), SHUT_WR);
    std::array<char, 256> bytes;
    for (int reads = 0; reads < 16; ++reads) {
        pollfd wait{.fd = connection_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, soon_ms) <= 0 || ::read(connection_.get(), bytes.data(), bytes.size()) <= 0) break;
    }
    connection_.reset();
}

}  // namespace eremite::vmm::gdb

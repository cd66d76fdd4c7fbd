#include "server.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "counted_echo.hpp"
#include "protocol.hpp"
#include "sockets.hpp"

namespace eremite::netbench {

namespace {

// What the connections of a client have in common while its control connection lasts.
struct Shared {
    std::atomic<uint64_t> bytes{0}, nanoseconds{0};
    std::atomic<bool> over{false};

    [[nodiscard]] Received received() const { return {.bytes = bytes, .nanoseconds = nanoseconds}; }
};

class Sessions {
public:
    uint32_t add(std::shared_ptr<Shared> shared) {
        const std::lock_guard guard{mutex_};
        sessions_[++last_] = std::move(shared);
        return last_;
    }
    void remove(uint32_t number) {
        const std::lock_guard guard{mutex_};
        sessions_.erase(number);
    }
    // Null: there is none of that number.
    std::shared_ptr<Shared> find(uint32_t number) {
        const std::lock_guard guard{mutex_};
        const auto found = sessions_.find(number);
        return found == sessions_.end() ? nullptr : found->second;
    }

private:
    std::mutex mutex_;
    std::map<uint32_t, std::shared_ptr<Shared>> sessions_;
    uint32_t last_ = 0;
};

// Runs `work` in a thread of its own; its failure is told and ends nothing else.
template <class Work>
std::thread start(Work work) {
    return std::thread{[work = std::move(work)]() mutable {
        try {
            work();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "netbench: %s\n", error.what());
        }
    }};
}

void sink(const Socket& socket, const Request& request, Shared& shared) {
    std::vector<std::byte> buffer(request.message);
    while (const size_t count = read_some(socket, buffer)) shared.bytes.fetch_add(count, std::memory_order_relaxed);
}

void source(const Socket& socket, const Request& request) {
    const std::vector<std::byte> message(request.reply);
    while (write_all(socket, message)) {}
}

void echo(const Socket& socket, const Request& request) {
    no_delay(socket);
    std::vector<std::byte> message(request.message);
    const std::vector<std::byte> reply(request.reply);
    while (read_all(socket, message) && write_all(socket, reply)) {}
}

void datagrams(const Socket& socket, const Request& request, Shared& shared, bool counted) {
    if (counted && request.kind == Kind::udp_echo) return counted_echo(socket, request, shared.over);
    constexpr int patience = 100;
    receive_timeout(socket, patience);
    std::vector<std::byte> message(largest_datagram);
    std::chrono::steady_clock::time_point first;
    while (!shared.over) {
        Address peer;
        const ssize_t count = recvfrom(socket.fd(), message.data(), message.size(), 0, peer.get(), &peer.length);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        check(count, "recvfrom");
        if (request.kind == Kind::udp_sink) {
            const auto now = std::chrono::steady_clock::now();
            if (shared.bytes == 0) first = now;
            shared.bytes.fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
            shared.nanoseconds = static_cast<uint64_t>(std::chrono::nanoseconds(now - first).count());
            continue;
        }
        do {
            // What finds no room is lost, as datagrams are.
            const ssize_t sent = sendto(socket.fd(), message.data(), request.reply, 0, peer.get(), peer.length);
            if (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED) fail("sendto");
        } while (request.kind == Kind::udp_source && !shared.over);
    }
}

class Server {
public:
    Server(const std::string& address, uint16_t port, const std::string& congestion, bool counted)
        : counted_{counted},
          address_{Address::parse(address, port)},
          listener_{listen_on(address_)},
          connections_{listen_on(address_.with_port(static_cast<uint16_t>(port + 1)))} {
        congestion_control(listener_, congestion);
    }

    void run() {
        start([this] { accept_connections(); }).detach();
        for (;;) {
            Socket socket{check(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC), "accept4")};
            Request request;
            // Who sends nothing keeps nobody waiting for long. Where instructions are counted, the time of a guest that sleeps flies.
            if (!counted_) receive_timeout(socket, 1000);
            if (!read_value(socket, request) || request.magic != Request::expected_magic) continue;
            receive_timeout(socket, 0);
            if (request.message > largest_message || request.reply > largest_message) continue;
            if (request.kind == Kind::stop) return;
            start([this, request, socket = std::move(socket)]() mutable { serve(socket, request); }).detach();
        }
    }

private:
    void serve(const Socket& socket, const Request& request) {
        switch (request.kind) {
            case Kind::tcp_source: return source(socket, request);
            case Kind::tcp_echo:
                if (!counted_) return echo(socket, request);
                no_delay(socket);
                return counted_echo(socket, request, std::atomic<bool>{false});
            case Kind::tcp_sink:
                if (const auto shared = sessions_.find(request.session)) sink(socket, request, *shared);
                return;
            default: control(socket, request);
        }
    }

    void control(const Socket& socket, const Request& request) {
        no_delay(socket);
        const auto shared = std::make_shared<Shared>();
        const uint32_t number = sessions_.add(shared);
        std::thread worker;
        Session session{.number = number, .datagram_port = 0, .connection_port = local_port(connections_)};
        if (request.kind != Kind::control) {
            Socket datagram_socket = datagrams_at(address_);
            session.datagram_port = local_port(datagram_socket);
            worker = start([this, request, shared, datagram_socket = std::move(datagram_socket)] {
                datagrams(datagram_socket, request, *shared, counted_);
            });
        }
        std::byte question;
        bool open = write_value(socket, session);
        while (open && read_value(socket, question)) open = write_value(socket, shared->received());
        shared->over = true;
        sessions_.remove(number);
        if (worker.joinable()) worker.join();
    }

    void accept_connections() {
        for (;;) {
            const Socket socket{check(accept4(connections_.fd(), nullptr, nullptr, SOCK_CLOEXEC), "accept4")};
            std::byte data;
            if (read_value(socket, data)) (void)write_value(socket, data);
        }
    }

    const bool counted_;
    Address address_;
    Socket listener_, connections_;
    Sessions sessions_;
};

}  // namespace

void serve(const std::string& address, uint16_t port, const std::string& congestion, bool counted) {
    // Its threads may outlast the return from here, but not the process.
    auto* const server = new Server{address, port, congestion, counted};
    std::puts("ready");
    std::fflush(stdout);
    server->run();
}

}  // namespace eremite::netbench

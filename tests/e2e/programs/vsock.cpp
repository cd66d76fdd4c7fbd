// Sockets between machines:  vsock serve PORT COUNT [THREADS]   echoes what comes to COUNT connections
//                            vsock send PORT BYTES              sends so many to the host, and checks what comes back
//                            vsock connect PORT                 tells how a connection to the host ends that has no data
//                            vsock write PORT BYTES             sends so many to the host, and ends
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
    std::printf("%s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

sockaddr_vm address(unsigned cid, unsigned port) {
    sockaddr_vm to{};
    to.svm_family = AF_VSOCK;
    to.svm_cid = cid;
    to.svm_port = port;
    return to;
}

int connect_to_host(unsigned port) {
    const int socket = ::socket(AF_VSOCK, SOCK_STREAM, 0);
    if (socket < 0) fail("socket");
    const sockaddr_vm to = address(VMADDR_CID_HOST, port);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
    return socket;
}

void send_all(int socket, const char* data, size_t size) {
    while (size > 0) {
        const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
        if (sent < 0) return;
        data += sent;
        size -= static_cast<size_t>(sent);
    }
}

void echo(int socket) {
    std::vector<char> buffer(1 << 16);
    for (ssize_t count; (count = ::read(socket, buffer.data(), buffer.size())) > 0;) send_all(socket, buffer.data(), static_cast<size_t>(count));
    ::close(socket);
}

void serve(unsigned port, int connections) {
    const int listener = ::socket(AF_VSOCK, SOCK_STREAM, 0);
    const sockaddr_vm at = address(VMADDR_CID_ANY, port);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("bind");
    if (::listen(listener, 128) != 0) fail("listen");
    std::printf("listening\n");
    std::fflush(stdout);
    std::vector<std::thread> threads;
    for (int i = 0; i < connections; ++i) {
        sockaddr_vm from{};
        socklen_t size = sizeof from;
        const int socket = ::accept(listener, reinterpret_cast<sockaddr*>(&from), &size);
        if (socket < 0) fail("accept");
        if (from.svm_cid != VMADDR_CID_HOST) std::printf("a stranger: %u\n", from.svm_cid);
        threads.emplace_back(echo, socket);
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("served\n");
}

std::vector<char> sample(size_t size) {
    std::vector<char> bytes(size);
    unsigned value = 1;
    for (char& byte : bytes) byte = static_cast<char>((value = value * 1664525 + 1013904223) >> 24);
    return bytes;
}

void send_and_compare(unsigned port, size_t size) {
    const int socket = connect_to_host(port);
    const std::vector<char> bytes = sample(size);
    std::thread sender{[&] {
        send_all(socket, bytes.data(), bytes.size());
        ::shutdown(socket, SHUT_WR);
    }};
    std::vector<char> got;
    std::vector<char> buffer(1 << 16);
    for (ssize_t count; (count = ::read(socket, buffer.data(), buffer.size())) > 0;) got.insert(got.end(), buffer.begin(), buffer.begin() + count);
    sender.join();
    std::printf("%s\n", got == bytes ? "the same came back" : "something else came back");
}

// The host ends the connection.
void see_the_end(unsigned port) {
    const int socket = connect_to_host(port);
    std::printf("connected\n");
    std::fflush(stdout);
    char byte;
    std::printf("read: %zd\n", ::read(socket, &byte, 1));
    pollfd state{.fd = socket, .events = POLLIN | POLLOUT | POLLRDHUP, .revents = 0};
    (void)::poll(&state, 1, -1);
    std::printf("poll: %s%s\n", (state.revents & POLLIN) != 0 ? "IN " : "", (state.revents & POLLRDHUP) != 0 ? "RDHUP" : "");
    while (::send(socket, &byte, 1, MSG_NOSIGNAL) == 1) {
    }
    std::printf("send: %s\n", std::strerror(errno));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 2 ? argv[1] : "";
    const auto port = static_cast<unsigned>(argc > 2 ? std::atoi(argv[2]) : 0);
    const int number = argc > 3 ? std::atoi(argv[3]) : 0;
    if (what == "serve") serve(port, number);
    else if (what == "send") send_and_compare(port, static_cast<size_t>(number));
    else if (what == "connect") see_the_end(port);
    else if (what == "write") {
        const std::vector<char> bytes = sample(static_cast<size_t>(number));
        send_all(connect_to_host(port), bytes.data(), bytes.size());
    } else {
        return 2;
    }
    return 0;
}

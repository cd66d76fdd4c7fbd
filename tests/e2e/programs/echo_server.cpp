// Gives back what it gets, on as many connections as there are descriptors for.
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

void watch(int epoll, int descriptor) {
    epoll_event event{EPOLLIN, {.fd = descriptor}};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
}

int listen_on(uint16_t port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listener, 1024) != 0) fail("bind");
    return listener;
}

}  // namespace

int main(int argc, char** argv) {
    constexpr rlimit many{20'000, 20'000};
    if (argc != 2 || setrlimit(RLIMIT_NOFILE, &many) != 0) fail("echo_server PORT");
    const int listener = listen_on(static_cast<uint16_t>(std::atoi(argv[1]))), epoll = epoll_create1(0);
    watch(epoll, listener);
    std::puts("ready");
    std::fflush(stdout);
    for (std::array<epoll_event, 256> events;;) {
        const int count = epoll_wait(epoll, events.data(), events.size(), -1);
        if (count < 0) fail("epoll_wait");
        for (int i = 0; i < count; ++i) {
            const int ready = events[static_cast<size_t>(i)].data.fd;
            if (ready == listener) {
                int accepted;
                while ((accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) watch(epoll, accepted);
                if (errno != EAGAIN) fail("accept4");
                continue;
            }
            std::array<char, 4096> data;
            const ssize_t size = read(ready, data.data(), data.size());
            if (size <= 0 || write(ready, data.data(), static_cast<size_t>(size)) != size) close(ready);
        }
    }
}

// Threads and sockets: readiness by level and by edge, several that accept or receive, ends that come while somebody waits, much data.
#include <fcntl.h>
#include <sys/epoll.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "show.hpp"

namespace {

class Watcher {
public:
    ~Watcher() { ::close(epoll_); }
    void add(int s, uint32_t events) {
        epoll_event e{events, {}};
        show("add", ::epoll_ctl(epoll_, EPOLL_CTL_ADD, s, &e));
    }
    void show_next(const char* what, int milliseconds = 0) {
        epoll_event e{};
        const int n = ::epoll_wait(epoll_, &e, 1, milliseconds);
        std::printf("%s: %d %#x\n", what, n, n > 0 ? e.events : 0U);
    }

private:
    int epoll_ = ::epoll_create1(0);
};

void levels_and_edges() {
    Connection c;
    {
        Watcher level;
        level.add(c.peer, EPOLLIN | EPOLLRDHUP);
        level.show_next("nothing");
        ::send(c.client, "abc", 3, 0);
        level.show_next("data", 10'000);
        level.show_next("still");
        show_received("part", c.peer, 2);
        level.show_next("still");
        show_received("rest", c.peer, 2);
        level.show_next("nothing");
    }
    Watcher edge;
    edge.add(c.peer, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    edge.show_next("writable");
    edge.show_next("only once");
    ::send(c.client, "abc", 3, 0);
    edge.show_next("data", 10'000);
    edge.show_next("only once");
    show_received("part", c.peer, 2);
    edge.show_next("no new edge");
    ::send(c.client, "d", 1, 0);
    edge.show_next("new data", 10'000);
    show_received("all", c.peer, 10);
    ::shutdown(c.client, SHUT_WR);
    edge.show_next("end", 10'000);
    Watcher listening;
    Server server{"127.0.0.1"};
    listening.add(server.listener, EPOLLIN | EPOLLET);
    Socket one{AF_INET, SOCK_STREAM}, two{AF_INET, SOCK_STREAM};
    connect_to(one, server.at);
    listening.show_next("one", 10'000);
    connect_to(two, server.at);
    listening.show_next("two", 10'000);
    listening.show_next("none");
    Watcher connecting;
    Socket n{AF_INET, SOCK_STREAM | SOCK_NONBLOCK};
    connect_to(n, server.at);
    connecting.add(n, EPOLLOUT | EPOLLET);
    connecting.show_next("connected", 10'000);
}

void several_accept() {
    Server server{"127.0.0.1", 32};
    constexpr int threads = 4, each = 8;
    std::atomic<int> accepted{0};
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i)
        all.emplace_back([&] {
            for (int k = 0; k < each; ++k) {
                Socket s{::accept(server.listener, nullptr, nullptr)};
                char byte;
                if (s >= 0 && ::recv(s, &byte, 1, MSG_WAITALL) == 1) ++accepted;
            }
        });
    int sent = 0;
    for (int i = 0; i < threads * each; ++i) {
        Socket s{AF_INET, SOCK_STREAM};
        if (connect_to(s, server.at) == 0 && ::send(s, "x", 1, 0) == 1) ++sent;
    }
    for (std::thread& t : all) t.join();
    std::printf("sent %d, accepted %d\n", sent, accepted.load());
}

void shut_while_waiting() {
    Connection c;
    std::atomic<long> result{-2};
    std::thread reader{[&] {
        char byte;
        result = ::recv(c.client, &byte, 1, 0);
    }};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    show("shutdown", ::shutdown(c.client, SHUT_RD));
    reader.join();
    std::printf("reader: %ld\n", result.load());
    Server server{"127.0.0.1"};
    int error = 0;
    std::thread acceptor{[&] {
        result = ::accept(server.listener, nullptr, nullptr);
        error = errno;
    }};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    show("shutdown", ::shutdown(server.listener, SHUT_RD));
    acceptor.join();
    std::printf("acceptor: %ld %s\n", result.load(), std::strerror(error));
    Connection d;
    std::thread late{[&] {
        char buffer[10];
        result = ::recv(d.client, buffer, sizeof buffer, MSG_WAITALL);
    }};
    ::send(d.peer, "abc", 3, 0);
    ::shutdown(d.peer, SHUT_WR);
    late.join();
    std::printf("late: %ld\n", result.load());
}

// A descriptor that is closed lets who waits on it go on waiting (close(2)).
void closed_while_waiting() {
    Connection c;
    std::atomic<long> result{-2};
    const int copy = ::dup(c.client);
    std::atomic<bool> started{false};
    std::thread reader{[&] {
        char byte;
        started = true;
        result = ::recv(copy, &byte, 1, 0);
    }};
    while (!started) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    show("close", ::close(copy));
    ::send(c.peer, "x", 1, 0);
    reader.join();
    std::printf("reader: %ld\n", result.load());
}

void much(const char* address, size_t size) {
    Connection c{address};
    std::atomic<uint64_t> sent{0}, received{0};
    const auto pump = [&](int s) {
        std::vector<unsigned char> buffer(60'000);
        for (size_t done = 0; done < size;) {
            const size_t piece = std::min(buffer.size() - done % 7, size - done);
            for (size_t i = 0; i < piece; ++i) buffer[i] = static_cast<unsigned char>((done + i) * 2654435761U >> 13);
            const ssize_t n = ::send(s, buffer.data(), piece, 0);
            if (n <= 0) return;
            done += static_cast<size_t>(n);
            sent += static_cast<uint64_t>(n);
        }
        ::shutdown(s, SHUT_WR);
    };
    const auto drain = [&](int s) {
        std::vector<unsigned char> buffer(33'333);
        size_t at = 0;
        ssize_t n = 0;
        while ((n = ::recv(s, buffer.data(), buffer.size(), 0)) > 0) {
            for (ssize_t i = 0; i < n; ++i)
                if (buffer[static_cast<size_t>(i)] != static_cast<unsigned char>((at + static_cast<size_t>(i)) * 2654435761U >> 13)) return;
            at += static_cast<size_t>(n);
            received += static_cast<uint64_t>(n);
        }
    };
    std::thread threads[] = {std::thread{pump, int{c.client}}, std::thread{pump, int{c.peer}}, std::thread{drain, int{c.client}},
                             std::thread{drain, int{c.peer}}};
    for (std::thread& t : threads) t.join();
    std::printf("both ways, %s: %llu %llu\n", address, static_cast<unsigned long long>(sent), static_cast<unsigned long long>(received));
}

void interrupted() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    Connection c;
    const pthread_t self = pthread_self();
    char byte;
    std::atomic<bool> stop{false};
    std::thread other{[&] {
        while (!stop) {
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
            pthread_kill(self, SIGUSR1);
        }
    }};
    show("interrupted", ::recv(c.client, &byte, 1, 0));
    stop = true;
    other.join();
    Server server{"127.0.0.1"};
    stop = false;
    std::thread again{[&] {
        while (!stop) {
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
            pthread_kill(self, SIGUSR1);
        }
    }};
    show("interrupted", ::accept(server.listener, nullptr, nullptr));
    stop = true;
    again.join();
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    levels_and_edges();
    several_accept();
    shut_while_waiting();
    closed_while_waiting();
    much("127.0.0.1", 3 << 20);
    much("::1", 3 << 20);
    interrupted();
}

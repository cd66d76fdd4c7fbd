#include "client.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "http.hpp"
#include "sockets.hpp"
#include "statistics.hpp"

namespace eremite::netbench {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

double nanoseconds(Clock::duration time) { return std::chrono::duration<double, std::nano>(time).count(); }
double seconds(Clock::duration time) { return Seconds(time).count(); }
Clock::time_point after(double time) { return Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(time)); }

const std::vector<uint32_t> bandwidth_sizes = {1, 16, 64, 256, 1024, 1400, 4096, 16384, 65536, 262144, 1048576};
const std::vector<uint32_t> latency_sizes = {1, 64, 256, 1024, 1400, 4096, 16384, 65536};
const std::vector<uint32_t> datagram_sizes = {1, 64, 512, 1472};

// Threads that do the same; the first failure of one of them is that of all.
class Threads {
public:
    void add(std::function<void()> work) {
        threads_.emplace_back([this, work = std::move(work)] {
            try {
                work();
            } catch (...) {
                const std::lock_guard guard{mutex_};
                if (!failure_) failure_ = std::current_exception();
            }
        });
    }
    void join() {
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
        if (failure_) std::rethrow_exception(failure_);
    }
    ~Threads() {
        for (std::thread& thread : threads_) thread.join();
    }

private:
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::exception_ptr failure_;
};

// For how long one thread goes on: a number of rounds, or a time.
class Bound {
public:
    Bound(const ClientOptions& options, double time) : rounds_{options.rounds}, end_{after(time)} {}
    [[nodiscard]] bool reached(uint64_t done, Clock::time_point now) const { return rounds_ != 0 ? done >= rounds_ : now >= end_; }

private:
    uint64_t rounds_;
    Clock::time_point end_;
};

class Client {
public:
    explicit Client(const ClientOptions& options) : options_{options}, server_{Address::parse(options.address, options.port)} {}

    void wait_for_server() const {
        for (const auto end = after(options_.patience);;) {
            try {
                // Somebody between us and the server may accept connections for it before it does.
                if (std::ranges::count(options_.tests, Test::http) == std::ssize(options_.tests)) (void)connect_to(server_, SOCK_STREAM);
                else (void)Control{*this, {.kind = Kind::control}};
                return;
            } catch (const std::exception&) {
                if (Clock::now() >= end) throw;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        }
    }

    void run(Test test) const {
        const auto each_size = [&](const std::vector<uint32_t>& usual, uint32_t largest, auto work) {
            for (const uint32_t size : options_.bytes.empty() ? usual : options_.bytes)
                if (size != 0 && size <= largest) work(size);
        };
        const auto each_way = [&](auto work) {
            return [this, work](uint32_t size) {
                for (const Direction direction : options_.directions) work(direction, size);
            };
        };
        switch (test) {
            case Test::tcp_bandwidth:
                return each_size(bandwidth_sizes, largest_message, each_way([this](Direction way, uint32_t size) { tcp_bandwidth(way, size); }));
            case Test::udp_bandwidth:
                return each_size(datagram_sizes, largest_datagram, each_way([this](Direction way, uint32_t size) { udp_bandwidth(way, size); }));
            case Test::tcp_latency: return each_size(latency_sizes, largest_message, [this](uint32_t size) { tcp_latency(size); });
            case Test::udp_latency: return each_size(datagram_sizes, largest_datagram, [this](uint32_t size) { udp_latency(size); });
            case Test::connections: return connections();
            case Test::http: return http();
        }
    }

    void stop() const { (void)open({.kind = Kind::stop}); }

private:
    // A session of the server's, and what it has received.
    class Control {
    public:
        Control(const Client& client, Request request) : socket_{client.open(request)} {
            no_delay(socket_);
            if (!read_value(socket_, session_)) throw std::runtime_error{"the server refuses"};
        }
        [[nodiscard]] const Session& session() const { return session_; }
        [[nodiscard]] Received received() const {
            Received answer{};
            if (!write_value(socket_, std::byte{}) || !read_value(socket_, answer)) throw std::runtime_error{"the server is gone"};
            return answer;
        }

    private:
        Socket socket_;
        Session session_{};
    };

    [[nodiscard]] Socket open(const Request& request) const {
        Socket socket = connect_to(server_, SOCK_STREAM);
        congestion_control(socket, options_.congestion);
        if (!write_value(socket, request)) throw std::runtime_error{"the server is gone"};
        return socket;
    }

    [[nodiscard]] std::string name(const char* test, uint32_t size) const {
        return std::string{test} + "_" + std::to_string(size) + (options_.connections > 1 ? "_x" + std::to_string(options_.connections) : "");
    }

    // Bytes a second while others work, by a count that grows.
    template <class Count>
    double rate(Count count) const {
        std::this_thread::sleep_for(Seconds{options_.warm_up});
        const uint64_t first = count();
        const auto start = Clock::now();
        std::this_thread::sleep_for(Seconds{options_.seconds});
        const uint64_t last = count();
        return static_cast<double>(last - first) / seconds(Clock::now() - start);
    }

    // Bytes a second of threads that are started now: at the end of their rounds, or by the count after some time.
    template <class Count>
    double rate(Threads& threads, std::atomic<bool>& over, Clock::time_point start, Count count) const {
        const double timed = options_.rounds == 0 ? rate(count) : 0;
        if (options_.rounds == 0) over = true;
        threads.join();
        return options_.rounds == 0 ? timed : static_cast<double>(count()) / seconds(Clock::now() - start);
    }

    void tcp_bandwidth(Direction direction, uint32_t size) const {
        const bool sends = direction == Direction::send;
        const Control control{*this, {.kind = Kind::control}};
        const Request request{.kind = sends ? Kind::tcp_sink : Kind::tcp_source, .session = control.session().number, .message = size, .reply = size};
        std::atomic<uint64_t> received{0};
        std::atomic<bool> over{false};
        Threads threads;
        const auto start = Clock::now();
        for (unsigned i = 0; i < options_.connections; ++i) {
            threads.add([&] {
                const Socket socket = open(request);
                std::vector<std::byte> message(size);
                if (sends) {
                    for (uint64_t n = 0; !over && (options_.rounds == 0 || n < options_.rounds); ++n)
                        if (!write_all(socket, message)) throw std::runtime_error{"the server is gone"};
                    // It closes when it has read everything.
                    check(shutdown(socket.fd(), SHUT_WR), "shutdown");
                    if (read_some(socket, message) != 0) throw std::runtime_error{"the server talks"};
                } else {
                    for (uint64_t n = 0; !over && (options_.rounds == 0 || n < options_.rounds * size);) {
                        const size_t count = read_some(socket, message);
                        if (count == 0) throw std::runtime_error{"the server is gone"};
                        n += count;
                        received.fetch_add(count, std::memory_order_relaxed);
                    }
                }
            });
        }
        const double bytes = rate(threads, over, start, [&] { return sends ? control.received().bytes : received.load(); });
        print(name(sends ? "tcp_send" : "tcp_receive", size), "bits_per_second", bytes * 8);
    }

    void udp_bandwidth(Direction direction, uint32_t size) const {
        const bool sends = direction == Direction::send;
        const Control control{*this, {.kind = sends ? Kind::udp_sink : Kind::udp_source, .message = size, .reply = size}};
        std::atomic<uint64_t> received{0}, sent{0};
        std::atomic<bool> over{false};
        const Socket socket = connect_to(server_.with_port(control.session().datagram_port), SOCK_DGRAM);
        receive_timeout(socket, 100);
        Threads threads;
        const auto start = Clock::now();
        threads.add([&] {
            std::vector<std::byte> message(size);
            for (uint64_t n = 0; !over && (options_.rounds == 0 || n < options_.rounds);) {
                if (sends || received == 0) {
                    if (send(socket.fd(), message.data(), size, 0) < 0 && errno != ENOBUFS && errno != EAGAIN) fail("send");
                    sent.fetch_add(size, std::memory_order_relaxed);
                    n += sends;
                }
                if (sends) continue;
                const ssize_t count = recv(socket.fd(), message.data(), size, 0);
                if (count < 0 && errno == EAGAIN) continue;
                received.fetch_add(static_cast<uint64_t>(check(count, "recv")), std::memory_order_relaxed);
                ++n;
            }
        });
        const double bytes = rate(threads, over, start, [&] { return received.load(); });
        if (!sends) return print(name("udp_receive", size), "bits_per_second", bytes * 8);
        const Received there = control.received();
        const double time = static_cast<double>(there.nanoseconds);
        print(name("udp_send", size), "bits_per_second", time == 0 ? 0 : static_cast<double>(there.bytes) * 8e9 / time);
        print(name("udp_send", size) + "_lost", "percent", 100 - 100 * static_cast<double>(there.bytes) / static_cast<double>(sent));
    }

    // Each thread goes on for the time of warming up, and then for that of the measurement, whose samples are kept.
    void latency(const std::string& title, std::function<std::function<bool()>()> connect) const {
        std::mutex mutex;
        std::vector<double> all;
        Threads threads;
        for (unsigned i = 0; i < options_.connections; ++i) {
            threads.add([&] {
                const auto round_trip = connect();
                std::vector<double> samples;
                for (const bool measured : {false, true}) {
                    samples.clear();
                    const Bound bound{options_, measured ? options_.seconds : options_.warm_up};
                    auto start = Clock::now();
                    for (uint64_t n = 0; !bound.reached(n, start); ++n) {
                        if (options_.pause != 0) {
                            std::this_thread::sleep_for(std::chrono::microseconds{options_.pause});
                            start = Clock::now();
                        }
                        const bool complete = round_trip();
                        const auto now = Clock::now();
                        if (complete) samples.push_back(nanoseconds(now - start));
                        start = now;
                    }
                }
                const std::lock_guard guard{mutex};
                all.insert(all.end(), samples.begin(), samples.end());
            });
        }
        threads.join();
        print_latency(title, std::move(all));
    }

    void tcp_latency(uint32_t size) const {
        const uint32_t reply_size = options_.reply != 0 ? options_.reply : size;
        latency(name("tcp_latency", size), [this, size, reply_size] {
            auto socket = std::make_shared<Socket>(open({.kind = Kind::tcp_echo, .message = size, .reply = reply_size}));
            no_delay(*socket);
            return [socket, message = std::vector<std::byte>(size), reply = std::vector<std::byte>(reply_size)]() mutable {
                if (!write_all(*socket, message) || !read_all(*socket, reply)) throw std::runtime_error{"the server is gone"};
                return true;
            };
        });
    }

    void udp_latency(uint32_t size) const {
        const uint32_t reply_size = options_.reply != 0 ? options_.reply : size;
        latency(name("udp_latency", size), [this, size, reply_size] {
            auto control = std::make_shared<Control>(*this, Request{.kind = Kind::udp_echo, .message = size, .reply = reply_size});
            const auto connect = [this, control] {
                auto socket = std::make_shared<Socket>(connect_to(server_.with_port(control->session().datagram_port), SOCK_DGRAM));
                receive_timeout(*socket, 200);
                return socket;
            };
            return [socket = connect(), connect, message = std::vector<std::byte>(size), reply = std::vector<std::byte>(reply_size)]() mutable {
                check(send(socket->fd(), message.data(), message.size(), 0), "send");
                if (recv(socket->fd(), reply.data(), reply.size(), 0) >= 0) return true;
                if (errno != EAGAIN) fail("recv");
                // One of them got lost. If it is only late, it must not be taken for the next.
                socket = connect();
                return false;
            };
        });
    }

    // A second, of threads that do the same again and again. `connect` gives what each of them does.
    double repetitions(std::function<std::function<void()>()> connect) const {
        std::atomic<uint64_t> count{0};
        Threads threads;
        const auto start = Clock::now();
        for (unsigned i = 0; i < options_.connections; ++i) {
            threads.add([&] {
                const Bound bound{options_, options_.seconds};
                const auto work = connect();
                for (uint64_t n = 0; !bound.reached(n, Clock::now()); ++n) {
                    work();
                    count.fetch_add(1, std::memory_order_relaxed);
                }
            });
        }
        threads.join();
        return static_cast<double>(count) / seconds(Clock::now() - start);
    }

    void connections() const {
        const Control control{*this, {.kind = Kind::control}};
        const Address address = server_.with_port(control.session().connection_port);
        const double rate = repetitions([&] {
            return [&] {
                const Socket socket = connect_to(address, SOCK_STREAM);
                std::byte data{};
                if (!write_value(socket, data) || !read_value(socket, data)) throw std::runtime_error{"the server closes too early"};
                // The server closes first.
                if (read_some(socket, {&data, 1}) != 0) throw std::runtime_error{"the server does not close"};
            };
        });
        print(options_.connections > 1 ? "connections_x" + std::to_string(options_.connections) : "connections", "per_second", rate);
    }

    void http() const {
        const double rate = repetitions([this] {
            return [connection = std::make_shared<HttpConnection>(server_, options_.path)] { connection->get(); };
        });
        print("http", "per_second", rate);
    }

    const ClientOptions& options_;
    Address server_;
};

}  // namespace

void run_client(const ClientOptions& options) {
    const Client client{options};
    client.wait_for_server();
    for (const Test test : options.tests) client.run(test);
    if (options.stop) client.stop();
}

}  // namespace eremite::netbench

// The stack against Linux over a TAP interface: streams both ways, whoever opens, over lossless and lossy links.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "netstack/wire/checksum.hpp"
#include "tests/unit/netstack/tap.hpp"
#include "tests/unit/netstack/tcp_pair.hpp"

namespace eremite::test {
namespace {

struct Case {
    const char* name;
    TapOptions tap;
    bool v6;
    bool linux_connects;
    uint64_t bytes;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

sockaddr_storage address_of(bool v6, const char* text, uint16_t port, socklen_t& size) {
    sockaddr_storage storage{};
    if (v6) {
        auto& a = reinterpret_cast<sockaddr_in6&>(storage);
        a.sin6_family = AF_INET6;
        a.sin6_port = htons(port);
        inet_pton(AF_INET6, text, &a.sin6_addr);
        size = sizeof a;
    } else {
        auto& a = reinterpret_cast<sockaddr_in&>(storage);
        a.sin_family = AF_INET;
        a.sin_port = htons(port);
        inet_pton(AF_INET, text, &a.sin_addr);
        size = sizeof a;
    }
    return storage;
}

// What Linux does: sends the pattern, says that it is done, and reads the same until the end.
std::string talk(int fd, uint64_t size) {
    const timeval limit{60, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    Bytes buffer(100'000);
    for (uint64_t sent = 0; sent < size;) {
        const size_t n = std::min<uint64_t>(buffer.size(), size - sent);
        for (size_t i = 0; i < n; ++i) buffer[i] = pattern(sent + i);
        const ssize_t done = send(fd, buffer.data(), n, MSG_NOSIGNAL);
        if (done <= 0) return std::string{"send: "} + std::strerror(errno);
        sent += static_cast<uint64_t>(done);
    }
    if (shutdown(fd, SHUT_WR) != 0) return "shutdown";
    for (uint64_t received = 0;;) {
        const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
        if (got < 0) return std::string{"recv: "} + std::strerror(errno);
        if (got == 0) return received == size ? "" : "ended after " + std::to_string(received);
        for (ssize_t i = 0; i < got; ++i)
            if (buffer[static_cast<size_t>(i)] != pattern(received++)) return "wrong byte at " + std::to_string(received - 1);
    }
}

std::string linux_side(const Case& c, int listener) {
    int fd = -1;
    socklen_t size;
    if (c.linux_connects) {
        fd = socket(c.v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        const auto to = address_of(c.v6, c.v6 ? "fd09::2" : "10.9.8.2", 80, size);
        const timeval limit{60, 0};
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(fd, reinterpret_cast<const sockaddr*>(&to), size) != 0) return std::string{"connect: "} + std::strerror(errno);
    } else {
        fd = accept(listener, nullptr, nullptr);
    }
    if (fd < 0) return "no connection";
    const std::string result = talk(fd, c.bytes);
    close(fd);
    return result;
}

class AgainstLinux : public testing::TestWithParam<Case> {};

TEST_P(AgainstLinux, StreamsBothWays) {
    const Case& c = GetParam();
    std::string why;
    const auto device = TapDevice::open(c.tap, why);
    if (!device) GTEST_SKIP() << "skipped: " << why;
    PoolMemory memory{16384, 4096, 1024};
    net::Stack stack{memory.pool, {{1, 2}, {}}};
    stack.advance(host_now());
    ASSERT_TRUE(stack.start().ok());
    net::Interface* interface = stack.add_interface(*device).value();
    ASSERT_TRUE(interface->add_address(TapDevice::own_v4(), 24).ok());
    ASSERT_TRUE(interface->add_address(TapDevice::own_v6(), 64).ok());

    const auto turn = [&](int milliseconds) {
        stack.flush();
        const Instant now = host_now(), next = stack.next_deadline();
        const int64_t wait = next == Instant::never() ? milliseconds : std::clamp<int64_t>((next - now).ns / 1'000'000 + 1, 0, milliseconds);
        pollfd p{device->descriptor(), POLLIN, 0};
        (void)poll(&p, 1, static_cast<int>(interface->congested() ? 1 : wait));
        stack.advance(host_now());
        device->receive(stack, *interface);
        if (interface->congested()) stack.device_ready(*interface);
        stack.flush();
    };
    // Duplicate address detection, on both sides.
    for (const Instant end = host_now() + Duration::milliseconds(c.v6 ? 2500 : 10); host_now() < end;) turn(10);

    int linux_listener = -1;
    Events events;
    net::tcp::Listener* listener = nullptr;
    net::tcp::Connection* connection = nullptr;
    socklen_t size;
    const auto at = address_of(c.v6, c.v6 ? TapDevice::linux_v6 : TapDevice::linux_v4, 90, size);
    if (c.linux_connects) {
        listener = stack.tcp().listen({net::IpAddress{}, 80}, 8, {}, &events).value();
    } else {
        linux_listener = socket(c.v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        const timeval limit{60, 0};
        setsockopt(linux_listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        const int on = 1;
        setsockopt(linux_listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        ASSERT_EQ(bind(linux_listener, reinterpret_cast<const sockaddr*>(&at), size), 0) << std::strerror(errno);
        ASSERT_EQ(listen(linux_listener, 8), 0);
        const net::IpAddress peer = c.v6 ? net::IpAddress::v6({0xfd09, 0, 0, 0, 0, 0, 0, 1}) : net::IpAddress{net::Ipv4Address::of(10, 9, 8, 1)};
        connection = stack.tcp().connect({}, {peer, 90}, {}, &events).value();
    }
    std::atomic<bool> done = false;
    std::string result;
    const Instant start = host_now();
    std::thread other{[&] {
        result = linux_side(c, linux_listener);
        done = true;
    }};
    uint64_t sent = 0, received = 0;
    bool wrong = false, shut = false;
    Bytes buffer(100'000);
    const Instant limit = start + Duration::seconds(100);
    Instant finished{};
    while (host_now() < limit && !(done && (received >= c.bytes || !result.empty()))) {
        turn(20);
        if (!connection && listener) {
            connection = listener->accept();
            if (connection) connection->set_observer(&events);
        }
        if (!connection) continue;
        Sink sink;
        if (connection->receive(sink, SIZE_MAX).ok())
            for (const uint8_t byte : sink.bytes) wrong |= byte != pattern(received++);
        while (sent < c.bytes) {
            const size_t n = std::min<uint64_t>(buffer.size(), c.bytes - sent);
            for (size_t i = 0; i < n; ++i) buffer[i] = pattern(sent + i);
            Source source{{buffer.data(), n}};
            const auto written = connection->send(source, n);
            if (!written.ok()) break;
            sent += written.value();
        }
        if (sent == c.bytes && !shut) shut = connection->shutdown(false, true).ok();
    }
    finished = host_now();
    other.join();
    EXPECT_EQ(result, "");
    EXPECT_FALSE(wrong);
    EXPECT_EQ(received, c.bytes);
    ASSERT_NE(connection, nullptr);
    const auto info = connection->info();
    printf("%-24s %7.1f Mbit/s both ways, %u repeated, %u timeouts, %u recoveries, mss %u\n", c.name,
           static_cast<double>(c.bytes) * 16000 / static_cast<double>((finished - start).ns), info.counters.retransmissions,
           info.counters.timeouts, info.counters.recoveries, info.send_mss);
    connection->close();
    if (listener) stack.tcp().close(*listener);
    stack.flush();
    if (linux_listener >= 0) close(linux_listener);
}

// Datagrams of all sizes, in fragments too, and pings: Linux asks.
std::string ask_datagrams(bool v6) {
    const timeval limit{5, 0};
    socklen_t size;
    const auto to = address_of(v6, v6 ? "fd09::2" : "10.9.8.2", 7, size);
    const int udp = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(udp, reinterpret_cast<const sockaddr*>(&to), size) != 0) return "connect";
    std::string result;
    for (const size_t length : {0UL, 1UL, 100UL, 1472UL, 1473UL, 5000UL, 30000UL}) {
        Bytes data(length), answer(40'000);
        for (size_t i = 0; i < length; ++i) data[i] = pattern(i);
        if (send(udp, data.data(), length, 0) != static_cast<ssize_t>(length)) result += "send ";
        const ssize_t got = recv(udp, answer.data(), answer.size(), 0);
        answer.resize(got < 0 ? 0 : static_cast<size_t>(got));
        if (got < 0 || answer != data) result += "datagram " + std::to_string(length) + " ";
    }
    close(udp);
    // A port where nobody is: ICMP says so.
    const auto nobody = address_of(v6, v6 ? "fd09::2" : "10.9.8.2", 9, size);
    const int refused = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    setsockopt(refused, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char byte = 0;
    if (connect(refused, reinterpret_cast<const sockaddr*>(&nobody), size) != 0 || send(refused, &byte, 1, 0) != 1 || recv(refused, &byte, 1, 0) >= 0 ||
        errno != ECONNREFUSED)
        result += "refusal ";
    close(refused);
    if (v6) return result;
    const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (raw < 0) return result;
    setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    Bytes echo(3008, 'p');
    std::copy_n(Bytes{8, 0, 0, 0, 1, 2, 3, 4}.begin(), 8, echo.begin());
    net::store_raw(&echo[2], net::checksum_of(echo));
    auto any = to;
    reinterpret_cast<sockaddr_in&>(any).sin_port = 0;
    if (sendto(raw, echo.data(), echo.size(), 0, reinterpret_cast<const sockaddr*>(&any), size) < 0) result += "ping ";
    for (;;) {
        Bytes answer(5000);
        const ssize_t got = recv(raw, answer.data(), answer.size(), 0);
        if (got < 0) return result + "no pong";
        if (answer[20] == 0 && got == static_cast<ssize_t>(echo.size()) + 20) break;
    }
    close(raw);
    return result;
}

TEST(DatagramsAgainstLinux, AndPings) {
    std::string why;
    const auto device = TapDevice::open({}, why);
    if (!device) GTEST_SKIP() << "skipped: " << why;
    PoolMemory memory{8192, 2048, 256};
    net::Stack stack{memory.pool, {{1, 2}, {}}};
    stack.advance(host_now());
    ASSERT_TRUE(stack.start().ok());
    net::Interface* interface = stack.add_interface(*device).value();
    ASSERT_TRUE(interface->add_address(TapDevice::own_v4(), 24).ok());
    ASSERT_TRUE(interface->add_address(TapDevice::own_v6(), 64).ok());
    Events events;
    net::UdpSocket echo{stack.udp(), events};
    ASSERT_TRUE(echo.bind({net::IpAddress{}, 7}).ok());
    const auto turn = [&] {
        stack.flush();
        pollfd p{device->descriptor(), POLLIN, 0};
        (void)poll(&p, 1, 5);
        stack.advance(host_now());
        device->receive(stack, *interface);
        net::Datagram about;
        while (net::Packet packet = echo.receive(about)) EXPECT_TRUE(echo.send(std::move(packet), &about.source).ok());
    };
    for (const Instant end = host_now() + Duration::milliseconds(2500); host_now() < end;) turn();
    for (const bool v6 : {false, true}) {
        std::atomic<bool> done = false;
        std::string result;
        std::thread other{[&] {
            result = ask_datagrams(v6);
            done = true;
        }};
        while (!done) turn();
        other.join();
        EXPECT_EQ(result, "") << (v6 ? "IPv6" : "IPv4");
    }
}

constexpr uint64_t mebibyte = 1 << 20;
INSTANTIATE_TEST_SUITE_P(Links, AgainstLinux,
                         testing::Values(Case{"plain", {}, false, true, 16 * mebibyte},
                                         Case{"offloads", {.offloads = true}, false, true, 16 * mebibyte},
                                         Case{"we_connect", {}, false, false, 16 * mebibyte},
                                         Case{"we_connect_offloads", {.offloads = true}, false, false, 16 * mebibyte},
                                         Case{"ipv6", {}, true, true, 16 * mebibyte},
                                         Case{"ipv6_we_connect_offloads", {.offloads = true}, true, false, 16 * mebibyte},
                                         Case{"mtu576", {.mtu = 576}, false, true, 4 * mebibyte},
                                         Case{"mtu9000", {.mtu = 9000}, false, false, 16 * mebibyte},
                                         Case{"loss1", {.loss = 10}, false, true, 8 * mebibyte},
                                         Case{"loss1_we_connect", {.loss = 10}, false, false, 8 * mebibyte},
                                         Case{"loss1_offloads", {.offloads = true, .loss = 10}, false, true, 16 * mebibyte},
                                         Case{"loss10", {.loss = 100}, false, true, mebibyte / 2}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace eremite::test

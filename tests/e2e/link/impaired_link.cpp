// A link with faults between two network interfaces of one namespace: what comes in at one goes out at the other, late, twice, in another order
// or not at all, as tc-netem(8) does where a kernel has it. Segments that were not cut yet are treated as one packet, as there.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Frame = std::vector<uint8_t>;

struct Faults {
    double loss = 0, duplicate = 0, reorder = 0;  // percent
    double delay = 0, jitter = 0;                 // milliseconds
    unsigned long queue = 1000;                   // frames on their way, in each direction
    unsigned long seed = 1;
};

std::system_error failure(const std::string& what) { return {errno, std::generic_category(), what}; }

class Port {
public:
    explicit Port(const std::string& interface) : socket_{socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL))} {
        if (socket_ < 0) throw failure("packet socket");
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
        if (address.sll_ifindex == 0) throw failure(interface);
        packet_mreq promiscuous{};
        promiscuous.mr_ifindex = address.sll_ifindex;
        promiscuous.mr_type = PACKET_MR_PROMISC;
        set(PACKET_VNET_HDR, 1);
        set(PACKET_IGNORE_OUTGOING, 1);
        set(PACKET_ADD_MEMBERSHIP, promiscuous);
        constexpr int room = 16 << 20;
        if (setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) throw failure("SO_RCVBUFFORCE");
        if (bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw failure(interface);
    }
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port() { close(socket_); }

    [[nodiscard]] int descriptor() const { return socket_; }
    // Empty: nothing is there.
    [[nodiscard]] Frame receive() {
        const ssize_t size = recv(socket_, buffer_.data(), buffer_.size(), 0);
        if (size < 0) {
            if (errno == EAGAIN || errno == ENETDOWN) return {};
            throw failure("recv");
        }
        return {buffer_.begin(), buffer_.begin() + size};
    }
    // What finds no room is lost.
    void send(std::span<const uint8_t> frame) { (void)!::send(socket_, frame.data(), frame.size(), 0); }

private:
    template <typename T>
    void set(int option, const T& value) {
        if (setsockopt(socket_, SOL_PACKET, option, &value, sizeof value) != 0) throw failure("packet socket option");
    }

    int socket_;
    std::array<uint8_t, 80'000> buffer_{};
};

class Direction {
public:
    Direction(Port& from, Port& to, const Faults& faults, unsigned long seed) : from_{from}, to_{to}, faults_{faults}, random_{seed} {}

    void take_in(Clock::time_point now) {
        for (Frame frame = from_.receive(); !frame.empty(); frame = from_.receive()) {
            if (happens(faults_.loss) || waiting_.size() >= faults_.queue) continue;
            // One that overtakes those before it does not wait, as with netem.
            const Clock::time_point due = happens(faults_.reorder) ? now : now + delay();
            if (happens(faults_.duplicate)) waiting_.emplace(due, frame);
            waiting_.emplace(due, std::move(frame));
        }
    }
    void send_out(Clock::time_point now) {
        while (!waiting_.empty() && waiting_.begin()->first <= now) {
            to_.send(waiting_.begin()->second);
            waiting_.erase(waiting_.begin());
        }
    }
    [[nodiscard]] Clock::time_point next() const { return waiting_.empty() ? Clock::time_point::max() : waiting_.begin()->first; }
    [[nodiscard]] const Port& from() const { return from_; }

private:
    bool happens(double percent) { return std::uniform_real_distribution{0.0, 100.0}(random_) < percent; }
    Clock::duration delay() {
        const double spread = faults_.jitter == 0 ? 0 : std::uniform_real_distribution{-faults_.jitter, faults_.jitter}(random_);
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>{std::max(0.0, faults_.delay + spread)});
    }

    Port& from_;
    Port& to_;
    const Faults& faults_;
    std::mt19937_64 random_;
    std::multimap<Clock::time_point, Frame> waiting_;  // equal times in their order
};

[[noreturn]] void run(const std::string& a, const std::string& b, const Faults& faults) {
    Port port_a{a}, port_b{b};
    std::array<Direction, 2> directions{Direction{port_a, port_b, faults, faults.seed}, Direction{port_b, port_a, faults, faults.seed + 1}};
    std::puts("ready");
    std::fflush(stdout);
    for (;;) {
        const Clock::time_point due = std::min(directions[0].next(), directions[1].next());
        timespec left{};
        if (due != Clock::time_point::max()) {
            const auto wait = std::max(Clock::duration::zero(), due - Clock::now());
            left.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(wait).count();
            left.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(wait).count() % 1'000'000'000;
        }
        std::array<pollfd, 2> ready{pollfd{port_a.descriptor(), POLLIN, 0}, pollfd{port_b.descriptor(), POLLIN, 0}};
        if (ppoll(ready.data(), ready.size(), due == Clock::time_point::max() ? nullptr : &left, nullptr) < 0 && errno != EINTR) throw failure("poll");
        const Clock::time_point now = Clock::now();
        for (Direction& direction : directions) {
            direction.take_in(now);
            direction.send_out(now);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Passes frames between two interfaces, with faults. Says ready when it does, and runs until it is ended."};
    std::string a, b;
    Faults faults;
    app.add_option("A", a, "interface")->required();
    app.add_option("B", b, "interface")->required();
    app.add_option("--loss", faults.loss, "percent of frames");
    app.add_option("--duplicate", faults.duplicate, "percent of frames");
    app.add_option("--reorder", faults.reorder, "percent of frames that are not delayed");
    app.add_option("--delay", faults.delay, "milliseconds in each direction");
    app.add_option("--jitter", faults.jitter, "milliseconds more or less");
    app.add_option("--queue", faults.queue, "frames on their way in each direction");
    app.add_option("--seed", faults.seed, "of the random numbers");
    CLI11_PARSE(app, argc, argv);
    try {
        run(a, b, faults);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "impaired_link: %s\n", e.what());
        return 1;
    }
}

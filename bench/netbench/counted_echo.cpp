#include "counted_echo.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "../measure.hpp"

namespace eremite::netbench {

namespace {

using bench::ticks;

class Echo {
public:
    Echo(const Socket& socket, const Request& request, const std::atomic<bool>& over)
        : socket_{socket}, over_{over}, datagrams_{request.kind == Kind::udp_echo}, message_(request.message), reply_(request.reply) {}

    // False: there will be no more.
    bool receive() {
        for (size_t got = 0; got < message_.size();) {
            const ssize_t count = ask(got);
            if (count > 0) {
                got += static_cast<size_t>(count);
            } else if (count == 0 || (errno != EAGAIN && errno != EINTR) || over_) {
                return false;
            } else {
                ++in_vain_;
            }
        }
        return true;
    }
    void send() {
        const uint64_t start = ticks();
        const ssize_t count = datagrams_ ? sendto(socket_.fd(), reply_.data(), reply_.size(), 0, peer_.get(), peer_.length)
                                         : ::send(socket_.fd(), reply_.data(), reply_.size(), MSG_NOSIGNAL);
        sent_ = ticks() - start;
        check(count, "send");
    }
    // Requires: the peer waits for an answer, so that nothing arrives.
    void measure_asking_in_vain() {
        // Soon enough for a peer that would ask again.
        constexpr int batches = 100, batch = 20;
        std::vector<double> samples;
        for (int i = 0; i < batches; ++i) {
            const uint64_t start = ticks();
            for (int k = 0; k < batch; ++k)
                if (ask(0) < 0 && !over_) ++in_vain_;
            samples.push_back(static_cast<double>(ticks() - start) / batch);
        }
        cost_in_vain_ = middle(std::move(samples));
    }
    // Begins a round, which ends with what has been received before the next.
    void start() {
        in_vain_ = 0;
        start_ = ticks();
    }
    void end() {
        const double all = static_cast<double>(ticks() - start_), sent = static_cast<double>(sent_);
        received_samples_.push_back(all - sent - static_cast<double>(in_vain_) * cost_in_vain_);
        sent_samples_.push_back(sent);
    }
    void print() const {
        const std::string protocol = datagrams_ ? "udp" : "tcp";
        std::printf("%s_packet_in_%zu instructions %.0f\n", protocol.c_str(), message_.size(), middle(received_samples_));
        std::printf("%s_packet_out_%zu instructions %.0f\n", protocol.c_str(), reply_.size(), middle(sent_samples_));
        std::fflush(stdout);
    }

private:
    static double middle(std::vector<double> samples) {
        std::ranges::sort(samples);
        return samples.empty() ? 0 : samples[samples.size() / 2];
    }
    ssize_t ask(size_t got) {
        if (!datagrams_) return recv(socket_.fd(), message_.data() + got, message_.size() - got, MSG_DONTWAIT);
        peer_.length = sizeof peer_.storage;
        return recvfrom(socket_.fd(), message_.data(), message_.size(), MSG_DONTWAIT, peer_.get(), &peer_.length);
    }

    const Socket& socket_;
    const std::atomic<bool>& over_;
    const bool datagrams_;
    std::vector<std::byte> message_;
    const std::vector<std::byte> reply_;
    Address peer_;
    uint64_t in_vain_ = 0, sent_ = 0, start_ = 0;
    double cost_in_vain_ = 0;
    std::vector<double> received_samples_, sent_samples_;
};

}  // namespace

void counted_echo(const Socket& socket, const Request& request, const std::atomic<bool>& over) {
    Echo echo{socket, request, over};
    constexpr unsigned half = counted_rounds / 2;
    for (unsigned i = 1; echo.receive(); ++i) {
        if (i == half) echo.measure_asking_in_vain();
        if (i > half && i <= counted_rounds) echo.end();
        // Before the peer hears the last answer, after which it may end the machine.
        if (i == counted_rounds) echo.print();
        echo.start();
        echo.send();
    }
}

}  // namespace eremite::netbench

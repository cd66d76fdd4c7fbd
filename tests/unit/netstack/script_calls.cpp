// The lines of scripts that are no segments: options, socket calls and checks.
#include <cerrno>
#include <cstring>
#include <map>
#include <sstream>

#include "netstack/wire/checksum.hpp"
#include "tests/unit/netstack/script.hpp"

namespace eremite::test {

namespace {

const std::map<std::string, int>& errors() {
    static const std::map<std::string, int> names{{"0", 0},
                                                  {"EAGAIN", EAGAIN},
                                                  {"ECONNRESET", ECONNRESET},
                                                  {"ECONNREFUSED", ECONNREFUSED},
                                                  {"ETIMEDOUT", ETIMEDOUT},
                                                  {"EPIPE", EPIPE},
                                                  {"EHOSTUNREACH", EHOSTUNREACH},
                                                  {"ENOTCONN", ENOTCONN}};
    return names;
}

constexpr const char* states[] = {"CLOSED",     "SYN_SENT",   "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1",
                                  "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",      "LAST_ACK"};

std::string differs(const std::string& what, uint64_t is, uint64_t wanted) {
    return is == wanted ? std::string{} : what + " is " + std::to_string(is) + ", not " + std::to_string(wanted);
}

}  // namespace

// Before the host starts, or of the next socket.
std::string Script::command(const std::string& kind, std::istream& words) {
    std::string name;
    uint64_t value = 0;
    words >> name >> value;
    if (kind == "option") {
        if (name == "ecn") options_.tcp.ecn = value != 0;
        else if (name == "tso")
            options_.capabilities.tcp4_segmentation = static_cast<uint32_t>(value), options_.capabilities.transmit_checksum = true;
        else if (name == "mtu") options_.capabilities.mtu = static_cast<uint16_t>(value);
        else if (name == "requests") options_.tcp.most_requests = value;
        else if (name == "receive_buffer") options_.tcp.initial_receive_buffer = options_.tcp.most_receive_buffer = value;
        else if (name == "retries") options_.tcp.data_retries = static_cast<uint8_t>(value);
        else return "unknown option " + name;
        return {};
    }
    net::tcp::Settings& s = settings_;
    if (name == "nodelay") s.no_delay = value != 0;
    else if (name == "cork") s.cork = value != 0;
    else if (name == "keepalive")
        s.keep_alive = true, s.keep_alive_idle = Duration::seconds(static_cast<int64_t>(value)),
        s.keep_alive_interval = Duration::seconds(5), s.keep_alive_probes = 3;
    else if (name == "user_timeout") s.user_timeout = Duration::seconds(static_cast<int64_t>(value));
    else if (name == "linger") s.linger = true, s.linger_seconds = static_cast<uint16_t>(value);
    else if (name == "maxseg") s.most_segment = static_cast<uint16_t>(value);
    else return "unknown setting " + name;
    if (connection_) {
        connection_->settings = s;
        connection_->settings_changed();
        flush();
    }
    return {};
}

std::string Script::call(const std::string& name, std::istream& words) {
    const auto need = [&] { return connection_ == nullptr; };
    if (name == "listen") {
        uint32_t backlog = 8;
        words >> backlog;
        auto made = host_->stack.tcp().listen(ours_, backlog, settings_, &events_);
        if (!made.ok()) return std::string{"listen: "} + std::strerror(made.code());
        listener_ = made.value();
        return {};
    }
    if (name == "connect") {
        auto made = host_->stack.tcp().connect({}, theirs_, settings_, &events_);
        if (!made.ok()) return std::string{"connect: "} + std::strerror(made.code());
        connection_ = made.value();
        flush();
        return {};
    }
    if (name == "accept") {
        connection_ = listener_ ? listener_->accept() : nullptr;
        if (!connection_) return "nobody is there";
        connection_->set_observer(&events_);
        flush();
        return {};
    }
    if (name == "port") {  // the peer's, for a further connection
        words >> theirs_.port;
        return {};
    }
    if (name == "initial") {  // the peer's sequence number
        words >> their_initial_;
        return {};
    }
    if (name == "nothing") {
        double seconds = 0;
        if (words >> seconds) advance(Duration{static_cast<int64_t>(seconds * 1e9)});
        flush();
        return sent_.empty() ? std::string{} : "there is " + describe(sent_.front(), our_initial_, their_initial_);
    }
    if (name == "drain") {  // whatever was sent
        flush();
        sent_.clear();
        return {};
    }
    if (name == "waiting") {
        uint32_t n = 0;
        words >> n;
        return differs("the number of waiting connections", listener_->waiting(), n);
    }
    if (name == "cookies") {
        uint64_t n = 0;
        words >> n;
        return differs("the number of cookies", host_->stack.tcp().cookies_sent(), n);
    }
    if (name == "time_waits") {
        uint64_t n = 0;
        words >> n;
        return differs("the number of connections in TIME-WAIT", host_->stack.tcp().time_waits(), n);
    }
    if (need()) return "there is no connection";
    if (name == "send" || name == "write") {
        size_t n = 0;
        std::string more, wanted;
        words >> n >> more;
        const Bytes data(n, 'd');
        Source source{data};
        const auto sent = connection_->send(source, n, more == "more");
        flush();
        const auto error = errors().find(more);
        if (error != errors().end()) return sent.ok() || sent.code() != error->second ? "the result is another" : std::string{};
        if (!sent.ok()) return std::string{"send: "} + std::strerror(sent.code());
        return differs("what was taken", sent.value(), n);
    }
    if (name == "recv") {
        std::string wanted;
        words >> wanted;
        Sink sink;
        const auto read = connection_->receive(sink, SIZE_MAX);
        flush();
        if (const auto error = errors().find(wanted); error != errors().end() && error->second != 0)
            return read.ok() ? "it received " + std::to_string(read.value())
                             : differs("the error", static_cast<uint64_t>(read.code()), static_cast<uint64_t>(error->second));
        if (!read.ok()) return std::string{"recv: "} + std::strerror(read.code());
        return differs("what was received", read.value(), std::stoull(wanted));
    }
    if (name == "shutdown") {
        const auto done = connection_->shutdown(false, true);
        flush();
        return done.ok() ? std::string{} : "shutdown failed";
    }
    if (name == "close" || name == "abort") {
        if (name == "close") connection_->close();
        else connection_->abort();
        connection_ = nullptr;
        flush();
        return {};
    }
    if (name == "state") {
        std::string wanted;
        words >> wanted;
        const std::string is = states[static_cast<size_t>(connection_->state())];
        return is == wanted ? std::string{} : "it is " + is;
    }
    if (name == "error") {
        std::string wanted;
        words >> wanted;
        const int error = connection_->take_error();
        const auto known = errors().find(wanted);
        if (known == errors().end()) return "unknown error " + wanted;
        return error == known->second ? std::string{} : std::string{"it is "} + std::strerror(error);
    }
    if (name == "info") {
        std::string what;
        uint64_t value = 0;
        words >> what >> value;
        const auto i = connection_->info();
        if (what == "cwnd") return differs(what, i.congestion_window / i.send_mss, value);
        if (what == "ssthresh") return differs(what, i.threshold / i.send_mss, value);
        if (what == "mss") return differs(what, i.send_mss, value);
        if (what == "recovery") return differs(what, i.in_recovery, value);
        if (what == "loss") return differs(what, i.in_loss, value);
        if (what == "undone") return differs(what, i.counters.undone, value);
        if (what == "unacknowledged") return differs(what, i.unacknowledged, value);
        if (what == "fast_path") return differs(what, i.counters.fast_path, value);
        return "unknown figure " + what;
    }
    if (name == "icmp") {  // "fragmentation MTU SEQ" or "unreachable SEQ"
        std::string what;
        uint32_t mtu = 0, sequence = 0;
        words >> what;
        if (what == "fragmentation") words >> mtu;
        words >> sequence;
        Bytes frame(14 + 20 + 8 + 28);
        *reinterpret_cast<net::EthernetHeader*>(frame.data()) = {Host::mac(1), Host::mac(2), 0x0800};
        net::write_ipv4(*reinterpret_cast<net::Ipv4Header*>(&frame[14]), theirs_.address, ours_.address, net::Protocol::Icmp,
                        frame.size() - 14, 64, 0, 1, 0);
        auto& icmp = *reinterpret_cast<net::IcmpHeader*>(&frame[34]);
        icmp = {3, static_cast<uint8_t>(what == "fragmentation" ? 4 : 1), 0, mtu};
        net::write_ipv4(*reinterpret_cast<net::Ipv4Header*>(&frame[42]), ours_.address, theirs_.address, net::Protocol::Tcp, 1500, 64, 0, 1,
                        0x4000);
        net::store_big<uint16_t>(&frame[62], ours_.port);
        net::store_big<uint16_t>(&frame[64], theirs_.port);
        net::store_big<uint32_t>(&frame[66], our_initial_ + sequence);
        icmp.checksum.set_raw(net::checksum_of({&frame[34], frame.size() - 34}));
        host_->receive(frame);
        flush();
        return {};
    }
    return "unknown line";
}

}  // namespace eremite::test

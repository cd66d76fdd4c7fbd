// Options of TCP sockets (tcp(7)).
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

#include "libos/socket/inet/tcp_info.hpp"
#include "libos/socket/inet/tcp_socket.hpp"

namespace eremite::socket {

void TcpSocket::configure() {
    settings_.reuse_port = reuse_port_;
    settings_.v6_only = v6_only_;
    settings_.keep_alive = keep_alive_;
    settings_.urgent_inline = urgent_inline_;
    settings_.ttl = ttl_to(remote_.address);
    settings_.traffic_class = class_to(remote_.address);
    // Those whom the program does not tell sizes grow by themselves.
    if (send_buffer_set) settings_.send_buffer = send_buffer, settings_.send_buffer_fixed = true;
    if (receive_buffer_set) settings_.receive_buffer = receive_buffer, settings_.receive_buffer_fixed = true;
    settings_.interface = device();
    if (binding_.held()) binding_.share(sharing());
    if (connection_) {
        connection_->settings = settings_;
        connection_->settings_changed();
    }
}

Result<size_t> TcpSocket::queued(bool outgoing) {
    const network::ShardGuard guard{shard_};
    if (listening()) return Error{EINVAL};
    if (!connection_) return size_t{0};
    return size_t{outgoing ? connection_->unacknowledged_bytes() : connection_->readable_bytes()};
}

std::optional<int> TcpSocket::number(int level, int name) {
    if (level != IPPROTO_TCP) return InetSocket::number(level, name);
    switch (name) {
        case TCP_NODELAY: return settings_.no_delay;
        case TCP_CORK: return settings_.cork;
        case TCP_KEEPIDLE: return static_cast<int>(settings_.keep_alive_idle.ns / 1'000'000'000);
        case TCP_KEEPINTVL: return static_cast<int>(settings_.keep_alive_interval.ns / 1'000'000'000);
        case TCP_KEEPCNT: return settings_.keep_alive_probes;
        case TCP_USER_TIMEOUT: return static_cast<int>(settings_.user_timeout.ns / 1'000'000);
        case TCP_MAXSEG: return connection_ ? static_cast<int>(connection_->info().send_mss) : 536;
        case TCP_SYNCNT: return settings_.syn_retries != 0 ? settings_.syn_retries : 6;
        case TCP_QUICKACK: return 1;
        case TCP_DEFER_ACCEPT: return 0;
        case TCP_FASTOPEN: return 0;
        default: return std::nullopt;
    }
}

Result<bool> TcpSocket::set_number(int level, int name, int value) {
    if (level != IPPROTO_TCP) return InetSocket::set_number(level, name, value);
    const auto within = [value](int least, int most) { return value >= least && value <= most; };
    switch (name) {
        case TCP_NODELAY: settings_.no_delay = value != 0; break;
        case TCP_CORK: settings_.cork = value != 0; break;
        case TCP_KEEPIDLE:
            if (!within(1, 32767)) return Error{EINVAL};
            settings_.keep_alive_idle = Duration::seconds(value);
            break;
        case TCP_KEEPINTVL:
            if (!within(1, 32767)) return Error{EINVAL};
            settings_.keep_alive_interval = Duration::seconds(value);
            break;
        case TCP_KEEPCNT:
            if (!within(1, 127)) return Error{EINVAL};
            settings_.keep_alive_probes = static_cast<uint8_t>(value);
            break;
        case TCP_SYNCNT:
            if (!within(1, 127)) return Error{EINVAL};
            settings_.syn_retries = static_cast<uint8_t>(value);
            break;
        case TCP_USER_TIMEOUT:
            if (value < 0) return Error{EINVAL};
            settings_.user_timeout = Duration::milliseconds(value);
            break;
        case TCP_MAXSEG:
            if (value != 0 && !within(88, 32767)) return Error{EINVAL};
            settings_.most_segment = static_cast<uint16_t>(value);
            break;
        case TCP_QUICKACK:
            if (connection_ && value != 0) connection_->acknowledge_now();
            break;
        // Hints that may be left alone.
        case TCP_DEFER_ACCEPT:
        case TCP_WINDOW_CLAMP:
        case TCP_NOTSENT_LOWAT:
        case TCP_LINGER2: return true;
        default: return false;
    }
    configure();
    if (connection_ && (name == TCP_NODELAY || name == TCP_CORK)) connection_->push();
    return true;
}

Result<size_t> TcpSocket::option(int level, int name, std::span<uint8_t> value) {
    if (level == SOL_SOCKET && name == SO_LINGER) {
        const linger setting{settings_.linger, settings_.linger_seconds};
        std::memcpy(value.data(), &setting, std::min(value.size(), sizeof setting));
        return std::min(value.size(), sizeof setting);
    }
    if (level == IPPROTO_TCP && name == TCP_INFO) {
        const network::ShardGuard guard{shard_};
        return write_tcp_info(connection_, listening(), value);
    }
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
        constexpr std::string_view cubic{"cubic\0\0\0\0\0\0\0\0\0\0", 16};
        return cubic.copy(reinterpret_cast<char*>(value.data()), value.size());
    }
    return InetSocket::option(level, name, value);
}

// What it will be for connections that come.
Result<void> TcpSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    TRY(change_option(level, name, value));
    if (!listening()) return {};
    network::ShardGuard guard{shard_};
    const net::tcp::Settings settings = settings_;
    listeners_.load()->change(guard, settings, device_);
    return {};
}

Result<void> TcpSocket::change_option(int level, int name, std::span<const uint8_t> value) {
    if (level == SOL_SOCKET && name == SO_LINGER) {
        linger setting;
        if (value.size() < sizeof setting) return Error{EINVAL};
        std::memcpy(&setting, value.data(), sizeof setting);
        const network::ShardGuard guard{shard_};
        settings_.linger = setting.l_onoff != 0;
        settings_.linger_seconds = static_cast<uint16_t>(std::clamp(setting.l_linger, 0, 65535));
        configure();
        return {};
    }
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
        const std::string_view wanted{reinterpret_cast<const char*>(value.data()), value.size()};
        return wanted.starts_with("cubic") ? Result<void>{} : Result<void>{Error{ENOENT}};
    }
    return InetSocket::set_option(level, name, value);
}

}  // namespace eremite::socket

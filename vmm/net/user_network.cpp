#include "vmm/net/user_network.hpp"

#include <arpa/inet.h>
#include <slirp/libslirp.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <limits>

#include "vmm/descriptor_limit.hpp"
#include "vmm/error.hpp"
#include "vmm/net/format.hpp"

namespace eremite::vmm::net {

namespace {

// Beyond `many` frames the sockets are left alone until the machine took some, so that few are lost at `most`.
constexpr size_t many_frames = 256, most_frames = 4096, most_bytes = size_t{16} << 20;
// Memory of longer frames than those of most networks is not kept.
constexpr size_t usual_frame = 2048;
constexpr size_t most_mtu = 65521;  // of libslirp
// All of them are looked at for each batch of frames.
constexpr size_t most_connections = 4096;
constexpr int64_t never = std::numeric_limits<int64_t>::max();

int64_t now_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// What DHCP tells the machine.
constexpr const char* machine_address = "10.0.2.15";

in_addr ipv4(const char* text) {
    in_addr address{};
    ::inet_pton(AF_INET, text, &address);
    return address;
}

in6_addr ipv6(const char* text) {
    in6_addr address{};
    ::inet_pton(AF_INET6, text, &address);
    return address;
}

Error port_error(const PublishedPort& port, int error) {
    const char* const advice = error == EADDRINUSE      ? "; another program has it: choose another one"
                               : error == EACCES        ? "; ports below 1024 take privileges: choose another one"
                               : error == EADDRNOTAVAIL ? "; this host has no such address"
                                                        : "";
    return Error{"port " + port.address + (port.address.empty() ? "" : ":") + std::to_string(port.host_port) + " of the host (" +
                 (port.udp ? "UDP" : "TCP") + "): " + std::strerror(error) + advice};
}

}  // namespace

// A timer of libslirp, which has few of them.
struct UserNetwork::Timer {
    SlirpTimerCb expired;
    void* argument;
    int64_t at_ms = never;
};

// What libslirp calls; `self` is the network.
struct UserNetwork::Callbacks {
    static UserNetwork& of(void* self) { return *static_cast<UserNetwork*>(self); }

    static ssize_t send_packet(const void* frame, size_t size, void* self) {
        // One that finds no room is lost, as on any network.
        (void)of(self).queue_frame({static_cast<const std::byte*>(frame), size});
        return static_cast<ssize_t>(size);
    }
    static void guest_error(const char* message, void* self) {
        // The machine shall not fill anyone's log.
        if (!std::exchange(of(self).complained_, true)) std::fprintf(stderr, "cell: the machine's network: %s; this is not told again\n", message);
    }
    static int64_t clock_get_ns(void*) { return now_ns(); }
    static void* timer_new(SlirpTimerCb expired, void* argument, void* self) {
        return of(self).timers_.emplace_back(std::make_unique<Timer>(Timer{expired, argument})).get();
    }
    static void timer_free(void* timer, void* self) {
        std::erase_if(of(self).timers_, [timer](const auto& one) { return one.get() == timer; });
    }
    static void timer_mod(void* timer, int64_t at_ms, void*) { static_cast<Timer*>(timer)->at_ms = at_ms; }
    static void register_poll_fd(int, void* self) { ++of(self).socket_count_; }
    static void unregister_poll_fd(int fd, void* self) {
        UserNetwork& network = of(self);
        network.sockets_.forget(fd);
        if (network.socket_count_ != 0) --network.socket_count_;
    }
    // Everything is looked at again behind each call of libslirp.
    static void notify(void*) {}
    static int add_poll(int fd, int events, void* self) {
        of(self).sockets_.add(fd, ((events & SLIRP_POLL_IN) != 0 ? EPOLLIN : 0U) | ((events & SLIRP_POLL_OUT) != 0 ? EPOLLOUT : 0U) |
                                      ((events & SLIRP_POLL_PRI) != 0 ? EPOLLPRI : 0U));
        return fd;
    }
    static int get_revents(int fd, void* self) {
        const uint32_t came = of(self).sockets_.events(fd);
        return ((came & EPOLLIN) != 0 ? SLIRP_POLL_IN : 0) | ((came & EPOLLOUT) != 0 ? SLIRP_POLL_OUT : 0) |
               ((came & EPOLLPRI) != 0 ? SLIRP_POLL_PRI : 0) | ((came & EPOLLERR) != 0 ? SLIRP_POLL_ERR : 0) |
               ((came & EPOLLHUP) != 0 ? SLIRP_POLL_HUP : 0);
    }

    static const SlirpCb table;
};

const SlirpCb UserNetwork::Callbacks::table{
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = register_poll_fd,
    .unregister_poll_fd = unregister_poll_fd,
    .notify = notify,
    .init_completed = nullptr,
    .timer_new_opaque = nullptr,
};

UserNetwork::UserNetwork(const std::vector<PublishedPort>& published, size_t mtu, size_t most_sockets)
    : most_sockets_{most_sockets != 0 ? most_sockets : std::min(raise_descriptor_limit() / 4, most_connections)}, alarm_{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)}, ready_{make_event()}, frames_(most_frames) {
    if (!alarm_) throw system_error("timerfd_create");
    // libslirp writes to sockets whose peers may have gone; that is an error there, and no reason to end.
    (void)::signal(SIGPIPE, SIG_IGN);
    // The file itself is another one whenever it changes.
    std::error_code error;
    for (const std::filesystem::path& file : {std::filesystem::path{"/etc/resolv.conf"}, std::filesystem::canonical("/etc/resolv.conf", error)}) {
        UniqueFd folder{::open(file.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
        if (folder) name_server_folders_.push_back(std::move(folder));
    }
    SlirpConfig configuration{};
    configuration.version = 4;
    configuration.in_enabled = true;
    configuration.vnetwork = ipv4("10.0.2.0");
    configuration.vnetmask = ipv4("255.255.255.0");
    configuration.vhost = ipv4("10.0.2.2");
    configuration.vdhcp_start = ipv4(machine_address);
    configuration.vnameserver = ipv4("10.0.2.3");
    configuration.in6_enabled = true;
    configuration.vprefix_addr6 = ipv6("fec0::");
    configuration.vprefix_len = 64;
    configuration.vhost6 = ipv6("fec0::2");
    configuration.vnameserver6 = ipv6("fec0::3");
    configuration.if_mtu = configuration.if_mru = std::min(mtu, most_mtu);
    slirp_ = ::slirp_new(&configuration, &Callbacks::table, this);
    if (!slirp_) throw Error{"libslirp cannot be started: it is older than 4.7, or there is no memory"};
    try {
        for (const PublishedPort& port : published) publish(port);
    } catch (...) {
        ::slirp_cleanup(slirp_);
        throw;
    }
}

void UserNetwork::list_needs(sandbox::Needs& needs) const {
    needs.add_calls({SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg,
                     SYS_setsockopt, SYS_getsockopt, SYS_getsockname, SYS_getpeername, SYS_shutdown, SYS_fcntl, SYS_timerfd_settime, SYS_openat});
    for (const unsigned long request : {FIONBIO, FIONREAD}) needs.calls.push_back(sandbox::ioctl_call(request));
    for (const UniqueFd& folder : name_server_folders_) needs.folders.push_back({.descriptor = folder.get(), .read_only = true});
}

UserNetwork::~UserNetwork() {
    if (host_) {
        host_->loop().remove(sockets_.descriptor());
        host_->loop().remove(alarm_.get());
        host_->loop().remove(ready_.get());
    }
    ::slirp_cleanup(slirp_);
}

void UserNetwork::publish(const PublishedPort& port) {
    in_addr host{};
    if (!port.address.empty() && ::inet_pton(AF_INET, port.address.c_str(), &host) != 1)
        throw Error{"port " + port.address + ":" + std::to_string(port.host_port) + ": the address is none of IPv4"};
    in_addr machine = ipv4(machine_address);
    if (!port.machine_address.empty() && ::inet_pton(AF_INET, port.machine_address.c_str(), &machine) != 1)
        throw Error{"the machine's address " + port.machine_address + " is none of IPv4"};
    errno = 0;
    if (::slirp_add_hostfwd(slirp_, port.udp ? 1 : 0, host, port.host_port, machine, port.machine_port) == 0) return;
    throw port_error(port, errno != 0 ? errno : EADDRINUSE);
}

uint64_t UserNetwork::offloads() const { return bit(VIRTIO_NET_F_GUEST_CSUM); }

// What was for the driver before is nothing to the next one.
void UserNetwork::negotiate(uint64_t) {
    while (count_ != 0) drop_first();
}

void UserNetwork::attach(virtio::Host& host, Listener& listener) {
    host_ = &host;
    listener_ = &listener;
    host.loop().add(alarm_.get(), EPOLLIN, [this](uint32_t) {
        const std::lock_guard guard{host_->lock()};
        uint64_t count = 0;
        if (::read(alarm_.get(), &count, sizeof count) > 0) handle_events();
    });
    host.loop().add(sockets_.descriptor(), 0, [this](uint32_t) {
        const std::lock_guard guard{host_->lock()};
        handle_events();
    });
    host.loop().add_event(ready_.get(), [this] {
        const std::lock_guard guard{host_->lock()};
        if (wants_frames_ && count_ != 0) listener_->readable();
    });
    prepare_to_wait();
}

void UserNetwork::watch(bool readable, bool) {
    // There is always room for what the machine sends.
    wants_frames_ = readable;
    if (wants_frames_ && count_ != 0) signal_event(ready_.get());
}

bool UserNetwork::queue_frame(std::span<const std::byte> frame) {
    if (count_ == most_frames || frame.size() > longest_frame || bytes_ + frame.size() > most_bytes) return false;
    std::vector<std::byte>& place = frames_[(first_ + count_++) % most_frames];
    Header header{};
    // Section 5.1.6.4: its data came by the host's own sockets.
    header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    const auto bytes = std::as_bytes(std::span{&header, 1});
    place.assign(bytes.begin(), bytes.end());
    place.insert(place.end(), frame.begin(), frame.end());
    bytes_ += place.size();
    return true;
}

void UserNetwork::drop_first() {
    std::vector<std::byte>& frame = frames_[first_];
    bytes_ -= frame.size();
    if (frame.capacity() > usual_frame) frame = {};
    first_ = (first_ + 1) % most_frames;
    --count_;
}

size_t UserNetwork::receive(std::span<const iovec> pieces) {
    if (count_ == 0) return 0;
    const size_t size = virtio::copy_to(pieces, 0, frames_[first_]);
    drop_first();
    return size;
}

Channel::Sent UserNetwork::send(std::span<const iovec> pieces) {
    size_t size = 0;
    for (const iovec& piece : pieces) size += piece.iov_len;
    outgoing_.resize(std::min(size, header_size + longest_frame) - header_size);
    (void)virtio::copy_from(pieces, header_size, outgoing_);
    if (!may_pass(kind_of(outgoing_))) return Sent::Done;
    // SAFETY: bytes.
    ::slirp_input(slirp_, reinterpret_cast<const uint8_t*>(outgoing_.data()), static_cast<int>(outgoing_.size()));
    return Sent::Done;
}

// A machine that opens ever more connections loses what it sends for more of them, and does not take all descriptors of the process, which other
// devices need. Some are left to what has no connections: the names of hosts are asked for so.
bool UserNetwork::may_pass(UserFrame kind) const {
    switch (kind) {
        case UserFrame::Refused: return false;
        case UserFrame::Connects: return socket_count_ < most_sockets_;
        case UserFrame::Sends: return socket_count_ < most_sockets_ + most_sockets_ / 4;
        case UserFrame::Other: break;
    }
    return true;
}

void UserNetwork::flush() {
    if (wants_frames_ && count_ != 0) signal_event(ready_.get());
    prepare_to_wait();
}

void UserNetwork::handle_events() {
    run_timers();
    if (count_ < many_frames) {
        sockets_.collect();
        ::slirp_pollfds_poll(slirp_, 0, Callbacks::get_revents, this);
    }
    flush();
}

void UserNetwork::run_timers() {
    const int64_t now_ms = now_ns() / 1'000'000;
    // One that expires may set itself again, or make others, so each is looked up.
    for (size_t i = 0; i < timers_.size(); ++i) {
        Timer& timer = *timers_[i];
        if (timer.at_ms > now_ms) continue;
        timer.at_ms = never;
        timer.expired(timer.argument);
    }
}

// Has the loop wait for all that libslirp waits for, and for its timers.
void UserNetwork::prepare_to_wait() {
    const bool waits = count_ < many_frames;
    int64_t wait_ms = never;
    if (waits) {
        uint32_t timeout = UINT32_MAX;
        sockets_.begin();
        ::slirp_pollfds_fill(slirp_, &timeout, Callbacks::add_poll, this);
        sockets_.end();
        if (timeout != UINT32_MAX) wait_ms = timeout;
    }
    const int64_t now_ms = now_ns() / 1'000'000;
    for (const auto& timer : timers_)
        if (timer->at_ms != never) wait_ms = std::min(wait_ms, timer->at_ms - now_ms);
    if (wait_ms != never) set_alarm(now_ms, now_ms + std::max<int64_t>(wait_ms, 1));
    if (waits == waits_) return;
    waits_ = waits;
    host_->loop().change(sockets_.descriptor(), waits ? uint32_t{EPOLLIN} : 0U);
}

void UserNetwork::set_alarm(int64_t now_ms, int64_t at_ms) {
    // An alarm that is too early does no harm, and then comes the next one.
    if (alarm_at_ms_ > now_ms && alarm_at_ms_ <= at_ms) return;
    alarm_at_ms_ = at_ms;
    itimerspec alarm{};
    alarm.it_value = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1'000'000};
    (void)::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &alarm, nullptr);
}

}  // namespace eremite::vmm::net

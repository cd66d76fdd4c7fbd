#pragma once
// A network that takes no privileges: libslirp answers the machine's frames, and opens sockets of the host for its connections. The network is
// that of QEMU's user mode: 10.0.2.0/24 and fec0::/64, where the host is 2, the name server 3, and the machine 15, as DHCP tells it.
#include <memory>
#include <string>
#include <vector>

#include "vmm/net/channel.hpp"
#include "vmm/net/poll_set.hpp"
#include "vmm/net/user_frame.hpp"
#include "vmm/unique_fd.hpp"

struct Slirp;

namespace eremite::vmm::net {

// What arrives at a port of the host goes on to one of the machine.
struct PublishedPort {
    std::string address;  // IPv4, of the host; empty: all
    uint16_t host_port = 0;
    uint16_t machine_port = 0;
    bool udp = false;
    std::string machine_address{};  // IPv4, of the network's; empty: the one that DHCP tells
};

class UserNetwork final : public Backend, private Channel {
public:
    // `mtu`: of the machine's side, in bytes; 0: 1500. `most_sockets`: how many the machine can open; 0: as many as this process may have leave to
    // it. Throws Error: a port that cannot be had, or there is no memory.
    explicit UserNetwork(const std::vector<PublishedPort>& published, size_t mtu = 0, size_t most_sockets = 0);
    UserNetwork(const UserNetwork&) = delete;
    UserNetwork& operator=(const UserNetwork&) = delete;
    ~UserNetwork() override;

    // Backend
    [[nodiscard]] size_t channel_count() const override { return 1; }
    [[nodiscard]] Channel& channel(size_t) override { return *this; }
    void list_needs(sandbox::Needs& needs) const override;
    // Frames come with their checksums right.
    [[nodiscard]] uint64_t offloads() const override;
    void negotiate(uint64_t features) override;
    [[nodiscard]] bool use(size_t channels) override { return channels == 1; }

private:
    struct Timer;
    struct Callbacks;

    // Channel
    void attach(virtio::Host& host, Listener& listener) override;
    void watch(bool readable, bool writable) override;
    [[nodiscard]] size_t receive(std::span<const iovec> pieces) override;
    [[nodiscard]] Sent send(std::span<const iovec> pieces) override;
    void flush() override;

    void publish(const PublishedPort& port);
    [[nodiscard]] bool queue_frame(std::span<const std::byte> frame);
    void handle_events();
    void run_timers();
    void drop_first();
    [[nodiscard]] bool may_pass(UserFrame kind) const;
    void prepare_to_wait();
    void set_alarm(int64_t now_ms, int64_t at_ms);

    const size_t most_sockets_;
    PollSet sockets_;
    size_t socket_count_ = 0;  // of libslirp, those that are published included
    // Where the host says who knows names.
    std::vector<UniqueFd> name_server_folders_;
    UniqueFd alarm_;  // timerfd(2): at the earliest timer, or before
    int64_t alarm_at_ms_ = 0;
    UniqueFd ready_;  // there are frames for the listener
    std::vector<std::unique_ptr<Timer>> timers_;
    Slirp* slirp_ = nullptr;
    virtio::Host* host_ = nullptr;
    Listener* listener_ = nullptr;
    bool wants_frames_ = false;
    bool waits_ = false;  // with the loop, for the sockets
    bool complained_ = false;
    // For the machine: a ring of frames with their headers, whose memory is used again.
    std::vector<std::vector<std::byte>> frames_;
    size_t first_ = 0, count_ = 0, bytes_ = 0;
    std::vector<std::byte> outgoing_;
};

}  // namespace eremite::vmm::net

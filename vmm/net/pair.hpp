#pragma once
// A pair of queues of a network device and the channel behind it.
#include <functional>

#include "vmm/net/receiver.hpp"
#include "vmm/net/sender.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::net {

// Has nothing in common with other pairs, so one with a Host of its own may have a thread of its own. All functions require the host's lock.
class Pair final : private Channel::Listener {
public:
    // `gone`: the channel's network is no more.
    Pair(virtio::Host& host, Channel& channel, std::function<void()> gone);
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair();

    // Null queues were not set up, and nothing comes or goes there. No frames yet.
    void start(uint64_t features, virtio::Queue* receive, virtio::Queue* send);
    void stop();
    // Whether frames come and go. What the driver sends otherwise stays where it is.
    void use(bool used);
    void receive_notified();
    void send_notified();

private:
    void readable() override { run_receiver(); }
    void writable() override { run_sender(); }
    void gone() override;
    void run_receiver();
    void run_sender();
    void go_on();
    void watch();
    void fail(const char* why);

    virtio::Host& host_;
    Channel& channel_;
    Receiver receiver_;
    Sender sender_;
    const std::function<void()> gone_;
    UniqueFd again_;  // signalled where a batch left something
    bool used_ = false;
    // What is waited for: frames from the channel, room in it; or, for the next turn, nothing.
    bool wants_frames_ = false, wants_room_ = false, receives_again_ = false, sends_again_ = false;
};

}  // namespace eremite::vmm::net

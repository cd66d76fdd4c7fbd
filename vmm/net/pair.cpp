#include "vmm/net/pair.hpp"

#include <utility>

namespace eremite::vmm::net {

Pair::Pair(virtio::Host& host, Channel& channel, std::function<void()> gone)
    : host_{host}, channel_{channel}, receiver_{channel}, sender_{channel}, gone_{std::move(gone)}, again_{make_event()} {
    channel_.attach(host_, *this);
    host_.loop().add_event(again_.get(), [this] {
        const std::lock_guard guard{host_.lock()};
        go_on();
    });
}

Pair::~Pair() { host_.loop().remove(again_.get()); }

void Pair::start(uint64_t features, virtio::Queue* receive, virtio::Queue* send) {
    if (receive) receiver_.start(features, *receive);
    if (send) sender_.start(features, *send);
}

void Pair::stop() {
    use(false);
    receiver_.stop();
    sender_.stop();
}

void Pair::use(bool used) {
    used_ = used;
    wants_frames_ = wants_room_ = receives_again_ = sends_again_ = false;
    watch();
    if (!used) return;
    // In the loop's thread: there may be something in the queues that was told before.
    receives_again_ = sends_again_ = true;
    signal_event(again_.get());
}

void Pair::receive_notified() {
    // Notifications may come without need; frames are what counts, and those are waited for.
    if (!wants_frames_) run_receiver();
}

void Pair::send_notified() {
    if (!wants_room_) run_sender();
}

void Pair::go_on() {
    if (std::exchange(receives_again_, false)) run_receiver();
    if (std::exchange(sends_again_, false)) run_sender();
}

void Pair::run_receiver() {
    if (!used_ || !receiver_.working()) return;
    const Outcome outcome = receiver_.run();
    channel_.flush();
    if (outcome == Outcome::Broken) return fail("the receive queue is broken");
    receives_again_ = outcome == Outcome::More;
    if (receives_again_) signal_event(again_.get());
    wants_frames_ = outcome != Outcome::Needs_buffers;
    watch();
}

void Pair::run_sender() {
    if (!used_ || !sender_.working()) return;
    const Outcome outcome = sender_.run();
    if (outcome == Outcome::Broken) return fail("the send queue is broken");
    sends_again_ = outcome == Outcome::More;
    if (sends_again_) signal_event(again_.get());
    wants_room_ = outcome == Outcome::Needs_channel;
    watch();
}

void Pair::watch() { channel_.watch(wants_frames_, wants_room_); }

void Pair::gone() {
    wants_frames_ = wants_room_ = false;
    watch();
    gone_();
}

void Pair::fail(const char* why) {
    use(false);
    host_.needs_reset(why);
}

}  // namespace eremite::vmm::net

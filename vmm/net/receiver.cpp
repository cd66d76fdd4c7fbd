#include "vmm/net/receiver.hpp"

#include <algorithm>

#include "vmm/net/format.hpp"

namespace eremite::vmm::net {

namespace {

constexpr size_t longest = header_size + longest_frame;
// As many as one readv(2) takes, without that for the rest.
constexpr size_t most_pieces = virtio::Chain::most_segments - 1;

}  // namespace

// One byte more tells a frame that is longer than any.
Receiver::Receiver(Channel& channel) : channel_{channel}, rest_(longest + 1) {}

void Receiver::start(uint64_t features, virtio::Queue& queue) {
    queue_ = &queue;
    merges_ = has(features, VIRTIO_NET_F_MRG_RXBUF);
    checks_ = has(features, VIRTIO_NET_F_GUEST_CSUM);
}

void Receiver::stop() {
    for (size_t i = 0; queue_ && i < buffers_.size(); ++i) queue_->unpop();
    queue_ = nullptr;
    buffers_.clear();
    pieces_.clear();
    room_ = frame_ = in_buffers_ = 0;
}

Receiver::Taken Receiver::take_buffer() {
    // Section 5.1.6.4: buffers are merged only where that was agreed on.
    if (buffers_.size() >= (merges_ ? queue_->size() : 1)) return Taken::Full;
    if (!queue_->pop(chain_)) return queue_->broken() ? Taken::Broken : Taken::None;
    if (chain_.writable_bytes == 0) return Taken::Broken;
    if (pieces_.size() + chain_.writable.size() > most_pieces) {
        queue_->unpop();
        return buffers_.empty() ? Taken::Broken : Taken::Full;
    }
    pieces_.insert(pieces_.end(), chain_.writable.begin(), chain_.writable.end());
    buffers_.push_back({chain_.head, chain_.writable_bytes, chain_.writable.size()});
    room_ += chain_.writable_bytes;
    return Taken::Buffer;
}

// Room for the longest frame, or what there is.
Receiver::Taken Receiver::prepare() {
    while (room_ < longest) {
        const Taken taken = take_buffer();
        if (taken == Taken::Broken) return taken;
        if (taken != Taken::Buffer) break;
    }
    return buffers_.empty() ? Taken::None : Taken::Buffer;
}

void Receiver::read_frame() {
    pieces_.push_back({.iov_base = rest_.data(), .iov_len = rest_.size()});
    const size_t size = channel_.receive(pieces_);
    pieces_.pop_back();
    frame_ = size;
    in_buffers_ = std::min(size, room_);
}

Receiver::Placed Receiver::place_frame() {
    if (frame_ < header_size || frame_ > longest) return Placed::Too_long;
    while (room_ < frame_) {
        const Taken taken = take_buffer();
        if (taken == Taken::Broken) return Placed::Broken;
        if (taken == Taken::Full) return Placed::Too_long;
        if (taken == Taken::None) return Placed::Needs_buffers;
    }
    (void)virtio::copy_to(pieces_, in_buffers_, std::span{rest_}.first(frame_ - in_buffers_));
    return Placed::Whole;
}

void Receiver::finish_frame() {
    used_.clear();
    size_t left = frame_, pieces = 0;
    for (const Buffer& buffer : buffers_) {
        if (left == 0) break;
        const size_t written = std::min(left, buffer.bytes);
        used_.push_back({buffer.head, static_cast<uint32_t>(written)});
        left -= written;
        pieces += buffer.pieces;
        room_ -= buffer.bytes;
    }
    const auto count = static_cast<uint16_t>(used_.size());
    (void)virtio::copy_to(pieces_, offsetof(Header, num_buffers), std::as_bytes(std::span{&count, 1}));
    // Section 5.1.6.4.1: whoever did not ask for checked frames hears nothing of it.
    constexpr uint8_t no_flags = 0;
    if (!checks_) (void)virtio::copy_to(pieces_, offsetof(Header, flags), std::as_bytes(std::span{&no_flags, 1}));
    queue_->push(used_);
    buffers_.erase(buffers_.begin(), buffers_.begin() + count);
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(pieces));
    frame_ = in_buffers_ = 0;
}

Outcome Receiver::run() {
    queue_->disable_notifications();
    const Outcome outcome = run_batch();
    queue_->flush();
    return outcome;
}

Outcome Receiver::run_batch() {
    for (size_t turns = 0; turns < most_at_once; ++turns) {
        bool starved = false;
        if (frame_ == 0) {
            const Taken taken = prepare();
            if (taken == Taken::Broken) return Outcome::Broken;
            if (taken == Taken::Buffer) {
                read_frame();
                if (frame_ == 0) return Outcome::Done;
            }
            starved = taken == Taken::None;
        }
        if (!starved) {
            const Placed placed = place_frame();
            if (placed == Placed::Broken) return Outcome::Broken;
            if (placed == Placed::Whole) finish_frame();
            if (placed == Placed::Too_long) frame_ = in_buffers_ = 0;
            starved = placed == Placed::Needs_buffers;
        }
        // Some may have come before the driver saw that it has to tell.
        if (starved && !queue_->enable_notifications()) return queue_->broken() ? Outcome::Broken : Outcome::Needs_buffers;
    }
    return Outcome::More;
}

}  // namespace eremite::vmm::net

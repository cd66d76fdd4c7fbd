#include "vmm/net/sender.hpp"

#include <algorithm>

#include "vmm/net/header.hpp"

namespace eremite::vmm::net {

void Sender::start(uint64_t features, virtio::Queue& queue) {
    queue_ = &queue;
    features_ = features;
}

Outcome Sender::run() {
    queue_->disable_notifications();
    const Outcome outcome = run_batch();
    channel_.flush();
    queue_->flush();
    return outcome;
}

Outcome Sender::run_batch() {
    for (size_t turns = 0; turns < most_at_once; ++turns) {
        if (!queue_->pop(chain_)) {
            // Some may have come before the driver saw that it has to tell.
            if (!queue_->broken() && queue_->enable_notifications()) continue;
            return queue_->broken() ? Outcome::Broken : Outcome::Done;
        }
        if (send_frame() == Channel::Sent::Not_yet) {
            queue_->unpop();
            return Outcome::Needs_channel;
        }
        queue_->push(chain_.head, 0);
    }
    return Outcome::More;
}

Channel::Sent Sender::send_frame() {
    // The guest may change its own meanwhile.
    Header header;
    if (virtio::copy_from(chain_.readable, 0, std::as_writable_bytes(std::span{&header, 1})) < header_size) return Channel::Sent::Done;
    auto checked = check_header(header, chain_.readable_bytes - header_size, features_);
    if (!checked) return Channel::Sent::Done;
    pieces_.clear();
    pieces_.push_back({.iov_base = &*checked, .iov_len = header_size});
    size_t skip = header_size;
    for (const iovec& piece : chain_.readable) {
        const size_t skipped = std::min(skip, piece.iov_len);
        skip -= skipped;
        if (skipped == piece.iov_len) continue;
        pieces_.push_back({.iov_base = static_cast<std::byte*>(piece.iov_base) + skipped, .iov_len = piece.iov_len - skipped});
    }
    return channel_.send(pieces_);
}

}  // namespace eremite::vmm::net

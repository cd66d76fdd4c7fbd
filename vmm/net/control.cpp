#include "vmm/net/control.hpp"

#include "vmm/net/format.hpp"
#include "vmm/virtio/device.hpp"

namespace eremite::vmm::net {

Outcome Control::run() {
    queue_.disable_notifications();
    const Outcome outcome = run_batch();
    queue_.flush();
    return outcome;
}

Outcome Control::run_batch() {
    for (size_t turns = 0; turns < most_at_once; ++turns) {
        if (!queue_.pop(chain_)) {
            if (!queue_.broken() && queue_.enable_notifications()) continue;
            return queue_.broken() ? Outcome::Broken : Outcome::Done;
        }
        const uint8_t answer = execute() ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
        const size_t written = virtio::copy_to(chain_.writable, 0, std::as_bytes(std::span{&answer, 1}));
        queue_.push(chain_.head, static_cast<uint32_t>(written));
    }
    return Outcome::More;
}

bool Control::execute() const {
    // Who cannot hear the answer shall not change anything.
    if (chain_.writable_bytes == 0) return false;
    struct [[gnu::packed]] {
        uint8_t kind, command;
        uint16_t pairs;
    } message;
    if (virtio::copy_from(chain_.readable, 0, std::as_writable_bytes(std::span{&message, 1})) < sizeof message) return false;
    return message.kind == VIRTIO_NET_CTRL_MQ && message.command == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && use_pairs_(message.pairs);
}

}  // namespace eremite::vmm::net

#include "vmm/entropy/entropy_device.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace eremite::vmm::entropy {

namespace {

// Others want the lock, and a driver may ask without an end.
constexpr unsigned requests_at_once = 16;

}  // namespace

EntropyDevice::EntropyDevice(virtio::Host& host, std::string name) : host_{host}, name_{std::move(name)}, again_{make_event()} {
    host_.loop().add_event(again_.get(), [this] {
        const std::lock_guard guard{host_.lock()};
        notified(0);
    });
}

EntropyDevice::~EntropyDevice() { host_.loop().remove(again_.get()); }

void EntropyDevice::start(uint64_t, std::span<virtio::Queue* const> queues) { queue_ = queues[0]; }

void EntropyDevice::stop() { queue_ = nullptr; }

void EntropyDevice::notified(uint16_t) {
    if (!queue_) return;
    unsigned left = requests_at_once;
    do {
        while (left > 0 && queue_->pop(chain_)) {
            --left;
            const uint32_t written = fill();
            if (written == 0) return host_.needs_reset("a request has no room for random numbers, or the host has none");
            queue_->push(chain_.head, written);
        }
    } while (left > 0 && queue_->enable_notifications());
    if (left == 0) signal_event(again_.get());
    queue_->flush();
    if (queue_->broken()) host_.needs_reset("a queue is broken");
}

uint32_t EntropyDevice::fill() {
    uint32_t written = 0;
    for (const iovec& piece : chain_.writable) {
        for (size_t done = 0; done < piece.iov_len && written < most_bytes;) {
            const size_t wanted = std::min(piece.iov_len - done, most_bytes - written);
            const ssize_t got = ::getrandom(static_cast<std::byte*>(piece.iov_base) + done, wanted, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return written;
            done += static_cast<size_t>(got);
            written += static_cast<uint32_t>(got);
        }
    }
    return written;
}

}  // namespace eremite::vmm::entropy

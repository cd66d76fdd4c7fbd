#include "vmm/fs/device.hpp"

#include <linux/virtio_ids.h>

#include "vmm/error.hpp"

namespace eremite::vmm::fs {

namespace {

// A request of a mebibyte takes a descriptor for each of its pages.
constexpr std::array<uint16_t, 2> sizes{128, 1024};
// After so many requests of a queue the other one gets its turn, and so does who waits for the device's lock.
constexpr int most_at_once = 16;

}  // namespace

Device::Device(virtio::Host& host, std::string_view tag, const std::string& folder, bool read_only)
    : host_{host}, server_{folder, read_only}, name_{"share " + std::string{tag}}, more_{make_event()} {
    // Section 5.11.4: in UTF-8, padded with zeros.
    if (tag.empty() || tag.size() > longest_tag || tag.find('\0') != std::string_view::npos)
        throw vmm::Error{"cannot share " + folder + ": its tag has to have 1 to " + std::to_string(longest_tag) + " bytes: " + std::string{tag}};
    std::memcpy(configuration_.tag, tag.data(), tag.size());
    configuration_.num_request_queues = 1;
    host_.loop().add_event(more_.get(), [this] {
        const std::lock_guard guard{host_.lock()};
        for (size_t i = 0; i < queue_count; ++i) serve(i);
    });
}

Device::~Device() { host_.loop().remove(more_.get()); }

uint32_t Device::type() const { return VIRTIO_ID_FS; }
std::span<const uint16_t> Device::queue_sizes() const { return sizes; }

void Device::start(uint64_t, std::span<virtio::Queue* const> queues) {
    std::copy_n(queues.begin(), std::min(queues.size(), queue_count), queues_.begin());
}

void Device::stop() {
    queues_ = {};
    server_.forget_all();
}

void Device::notified(uint16_t queue) {
    if (queue < queue_count) serve(queue);
}

void Device::finish() {
    for (virtio::Queue* const queue : queues_) {
        while (queue && queue->pop(chain_)) queue->push(chain_.head, server_.serve(chain_.readable, chain_.writable));
        if (queue) queue->flush();
    }
}

void Device::serve(size_t index) {
    virtio::Queue* const queue = queues_[index];
    if (!queue || queue->broken()) return;
    queue->disable_notifications();
    bool more = true;
    for (int i = 0; more && i < most_at_once; ++i) {
        if (queue->pop(chain_)) queue->push(chain_.head, server_.serve(chain_.readable, chain_.writable));
        else more = !queue->broken() && queue->enable_notifications();
    }
    queue->flush();
    if (queue->broken()) return host_.needs_reset("the driver gave it a request that cannot be");
    if (more) signal_event(more_.get());
}

}  // namespace eremite::vmm::fs

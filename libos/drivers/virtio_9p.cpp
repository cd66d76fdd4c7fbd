#include "libos/drivers/virtio_9p.hpp"

#include <linux/virtio_9p.h>
#include <linux/virtio_ids.h>

#include <algorithm>
#include <array>
#include <new>

#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/log/log.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

constexpr uint16_t queue_size = 128;
// Of a message: the memory of the exchange and some pieces of data, both ways.
constexpr uint16_t most_segments = 18;
constexpr uint32_t most_messages = 64;
constexpr size_t longest_tag = 255;

class NinepDevice final : public fs::ninep::Transport {
public:
    explicit NinepDevice(virtio::Transport& transport) : device_{transport} {}

    Result<void> start() {
        constexpr uint64_t mount_tag = uint64_t{1} << VIRTIO_9P_MOUNT_TAG;
        TRY(device_.negotiate(mount_tag, mount_tag));
        const auto length = device_.read_configuration<uint16_t>(offsetof(virtio_9p_config, tag_len));
        if (length == 0 || length > longest_tag) return Error{EIO};
        for (size_t i = 0; i < length; ++i)
            tag_[i] = static_cast<char>(device_.read_configuration<uint8_t>(static_cast<uint32_t>(offsetof(virtio_9p_config, tag) + i)));
        tag_length_ = length;
        queue_ = TRY(device_.start_queue(0, {.size = queue_size,
                                             .indirect_segments = most_segments,
                                             .cpu = arch::cpu_index(),
                                             .ready = {[](void* self) { static_cast<NinepDevice*>(self)->finish_messages(); }, this}}));
        device_.start();
        log::info("virtio-9p: {}, {}, {} ring", tag(), device_.transport().name(), queue_->shape().packed ? "packed" : "split");
        return {};
    }
    [[nodiscard]] std::string_view tag() const { return {tag_.data(), tag_length_}; }
    [[nodiscard]] bool claim() { return !std::exchange(claimed_, true); }

    // Each message takes one descriptor if the device knows indirect ones.
    [[nodiscard]] Limits limits() const override {
        const uint32_t descriptors = queue_->shape().indirect_segments >= most_segments ? 1 : most_segments;
        return {std::clamp(queue_->shape().size / descriptors, 2u, most_messages), most_segments};
    }

    Result<void> submit(Message& message) override {
        std::array<virtio::Segment, most_segments> segments;
        const size_t readable = message.request.size();
        if (readable + message.reply.size() > segments.size()) return Error{EIO};
        const auto rest = std::transform(message.request.begin(), message.request.end(), segments.begin(), segment_of);
        std::transform(message.reply.begin(), message.reply.end(), rest, segment_of);
        const std::span all{segments};
        const sync::Guard guard{lock_};
        if (!queue_->add(all.first(readable), all.subspan(readable, message.reply.size()), &message).ok()) return Error{EIO};
        queue_->kick();
        return {};
    }

private:
    static virtio::Segment segment_of(const fs::ninep::Segment& memory) {
        return {physical_of_direct_map(VirtualAddress{memory.data()}), static_cast<uint32_t>(memory.size())};
    }

    // Called by the device's interrupt. Who waits is told without the lock.
    void finish_messages() {
        std::array<virtio::Completion, 16> done;
        size_t count;
        bool more;
        do {
            {
                const sync::Guard guard{lock_};
                count = 0;
                while (count < done.size()) {
                    const auto completion = queue_->take();
                    if (!completion) break;
                    done[count++] = *completion;
                }
                more = count == done.size() || queue_->enable_interrupts();
            }
            for (const virtio::Completion& completion : std::span{done}.first(count)) {
                auto& message = *static_cast<Message*>(completion.token);
                message.done(message, completion.written, completion.error);
            }
        } while (more);
    }

    sync::Spinlock lock_{sync::Rank::DeviceQueue};
    virtio::Device device_;
    virtio::Queue* queue_ = nullptr;
    std::array<char, longest_tag> tag_;
    size_t tag_length_ = 0;
    bool claimed_ = false;
};

constexpr size_t most_devices = 32;
constinit sync::Spinlock devices_lock{sync::Rank::DeviceStart};
constinit std::array<NinepDevice*, most_devices> devices{};
constinit size_t device_count = 0;

// Starts one device more. ENODEV: that were all.
Result<void> start_next() {
    if (device_count == most_devices) return Error{ENODEV};
    virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_9P));
    auto* const device = new (std::nothrow) NinepDevice{*transport};
    if (!device) return Error{ENOMEM};
    if (const auto started = device->start(); !started.ok()) {
        delete device;
        return started;
    }
    devices[device_count++] = device;
    return {};
}

}  // namespace

Result<fs::ninep::Transport*> claim_virtio_9p(std::string_view tag) {
    const sync::Guard guard{devices_lock};
    for (size_t i = 0;; ++i) {
        // A device that cannot be started might have been the one that is wanted: that is what the caller is told.
        if (i == device_count) TRY(start_next());
        if (devices[i]->tag() != tag) continue;
        if (!devices[i]->claim()) return Error{EBUSY};
        return static_cast<fs::ninep::Transport*>(devices[i]);
    }
}

}  // namespace eremite::drivers

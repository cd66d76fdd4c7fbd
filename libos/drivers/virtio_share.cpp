#include "libos/drivers/virtio_share.hpp"

#include <linux/fuse.h>
#include <linux/virtio_9p.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/drivers/virtio/start_driver.hpp"
#include "libos/fs/remote/channel.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

using Message = fs::remote::Transport::Message;

constexpr uint16_t queue_size = 128;
constexpr uint16_t most_segments = fs::remote::Exchange::most_other_segments + fs::remote::Exchange::most_data_segments;
constexpr uint32_t most_messages = 64;
constexpr size_t longest_tag = 255;

// A queue of messages.
class MessageQueue {
public:
    Result<void> start(virtio::Device& device, uint16_t index, uint16_t segments) {
        queue_ = TRY(device.start_queue(index, {.size = queue_size,
                                                .indirect_segments = segments,
                                                .cpu = arch::cpu_index(),
                                                .ready = {[](void* self) { static_cast<MessageQueue*>(self)->finish_messages(); }, this}}));
        return {};
    }
    [[nodiscard]] const virtio::QueueShape& shape() const { return queue_->shape(); }
    [[nodiscard]] bool idle() {
        const sync::Guard guard{lock_};
        return queue_->in_flight() == 0;
    }
    // How many messages the device has finished.
    [[nodiscard]] uint32_t finished() const { return finished_.load(std::memory_order_relaxed); }

    Result<void> submit(Message& message) {
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
    static virtio::Segment segment_of(const fs::remote::Segment& memory) {
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
            finished_.fetch_add(static_cast<uint32_t>(count), std::memory_order_relaxed);
            for (const virtio::Completion& completion : std::span{done}.first(count)) {
                auto& message = *static_cast<Message*>(completion.token);
                message.done(message, completion.written, completion.error);
            }
        } while (more);
    }

    sync::Spinlock lock_{sync::Rank::DeviceQueue};
    virtio::Queue* queue_ = nullptr;
    std::atomic<uint32_t> finished_{0};
};

// A FUSE server is a process of the host that may die, of which the device says nothing (QEMU's keeps silent when the socket closes).
// Most servers take messages without a reply at once, however long requests last, and those with a single thread after the request
// that they work at: so one that for a long time finishes nothing and does not even take these is dead. The message forgets no
// look-up of the root.
class Heartbeat final : public Message {
public:
    Heartbeat() {
        header_.header.len = sizeof header_;
        header_.header.opcode = FUSE_FORGET;
        header_.header.nodeid = FUSE_ROOT_ID;
        // SAFETY: these bytes are this object's, which lies in the direct map like all of the heap.
        segment_ = {reinterpret_cast<uint8_t*>(&header_), sizeof header_};
        request = std::span{&segment_, 1};
        done = [](Message& message, size_t, int) { static_cast<Heartbeat&>(message).under_way_.store(false); };
    }
    void send(MessageQueue& queue) {
        if (!under_way_.exchange(true) && !queue.submit(*this).ok()) under_way_.store(false);
    }

private:
    struct {
        fuse_in_header header{};
        fuse_forget_in arguments{};
    } header_;
    fs::remote::Segment segment_;
    std::atomic<bool> under_way_{false};
};

class ShareDevice final : public fs::remote::Transport {
public:
    explicit ShareDevice(virtio::Transport& transport)
        : device_{transport}, watch_{*this}, protocol_{transport.device_type() == VIRTIO_ID_FS ? ShareProtocol::Fuse : ShareProtocol::NineP} {}

    Result<void> start() {
        if (protocol_ == ShareProtocol::Fuse) {
            TRY(device_.negotiate());
            read_tag(offsetof(virtio_fs_config, tag), sizeof(virtio_fs_config::tag));
            tag_length_ = tag().find('\0') == std::string_view::npos ? tag_length_ : tag().find('\0');
            if (device_.read_configuration<uint32_t>(offsetof(virtio_fs_config, num_request_queues)) == 0) return Error{EIO};
            // Section 5.11.2: the first is for what must not wait behind requests.
            TRY(unanswered_.start(device_, 0, 1));
            TRY(requests_.start(device_, 1, most_segments));
        } else {
            constexpr uint64_t mount_tag = uint64_t{1} << VIRTIO_9P_MOUNT_TAG;
            TRY(device_.negotiate(mount_tag, mount_tag));
            read_tag(offsetof(virtio_9p_config, tag), device_.read_configuration<uint16_t>(offsetof(virtio_9p_config, tag_len)));
            TRY(requests_.start(device_, 0, most_segments));
        }
        // Of smaller queues no message would be sure to fit.
        constexpr unsigned smallest_queue = 8;
        const bool short_queue = requests_.shape().size < smallest_queue || (protocol_ == ShareProtocol::Fuse && unanswered_.shape().size < smallest_queue);
        if (tag_length_ == 0 || short_queue) return Error{EIO};
        device_.start();
        log::info("virtio-{}: {}, {}, {} ring", protocol_ == ShareProtocol::Fuse ? "fs" : "9p", tag(), device_.transport().name(),
                  requests_.shape().packed ? "packed" : "split");
        return {};
    }
    [[nodiscard]] std::string_view tag() const { return {tag_.data(), tag_length_}; }
    [[nodiscard]] ShareProtocol protocol() const { return protocol_; }
    [[nodiscard]] bool claim(uint32_t patience) {
        if (std::exchange(claimed_, true)) return false;
        patience_ = patience;
        return true;
    }

    // Each message takes one descriptor if the device knows indirect ones, else one for each segment.
    [[nodiscard]] Limits limits() const override {
        const virtio::QueueShape& shape = requests_.shape();
        const bool indirect = shape.indirect_segments >= most_segments;
        const uint32_t segments = indirect ? most_segments : std::min<uint32_t>(most_segments, shape.size / 2);
        uint32_t messages = indirect ? shape.size : shape.size / segments;
        // There the heartbeat needs room, too.
        if (protocol_ == ShareProtocol::Fuse) messages = std::min<uint32_t>(messages, unanswered_.shape().size - 1u);
        return {std::min(messages, most_messages), segments};
    }

    Result<void> submit(Message& message) override {
        if (protocol_ == ShareProtocol::NineP) return requests_.submit(message);
        if (message.reply.empty()) return unanswered_.submit(message);
        TRY(requests_.submit(message));
        if (!watched_.load(std::memory_order_relaxed) && !watched_.exchange(true)) watch_.start(platform::monotonic_now() + watch_interval);
        return {};
    }

private:
    static constexpr Duration watch_interval = Duration::seconds(1);
    struct WatchTimer : sched::Timer {
        explicit WatchTimer(ShareDevice& owner) : Timer{[](Timer& timer) { static_cast<WatchTimer&>(timer).device.watch(); }}, device{owner} {}
        ShareDevice& device;
    };

    void watch() {
        const uint32_t finished = requests_.finished() + unanswered_.finished();
        quiet_ = finished == finished_before_ ? quiet_ + 1 : 0;
        finished_before_ = finished;
        if (requests_.idle()) {
            quiet_ = 0;
            watched_.store(false);
            // One that was sent just now found the watch still running.
            if (requests_.idle() || watched_.exchange(true)) return;
        }
        if (quiet_ > 0) heartbeat_.send(unanswered_);
        if (quiet_ >= patience_) device_.fail("its server is dead");
        else watch_.start(platform::monotonic_now() + watch_interval);
    }
    void read_tag(size_t offset, size_t length) {
        tag_length_ = std::min(length, longest_tag);
        for (size_t i = 0; i < tag_length_; ++i) tag_[i] = static_cast<char>(device_.read_configuration<uint8_t>(static_cast<uint32_t>(offset + i)));
    }

    virtio::Device device_;
    WatchTimer watch_;
    const ShareProtocol protocol_;
    MessageQueue requests_;
    // Of FUSE.
    MessageQueue unanswered_;
    Heartbeat heartbeat_;
    std::atomic<bool> watched_{false};
    uint32_t finished_before_ = 0;
    uint32_t patience_ = 0;  // intervals
    uint32_t quiet_ = 0;     // intervals in which nothing was finished
    std::array<char, longest_tag> tag_;
    size_t tag_length_ = 0;
    bool claimed_ = false;
};

constexpr size_t most_devices = 32;
constinit sync::Spinlock devices_lock{sync::Rank::DeviceStart};
constinit std::array<ShareDevice*, most_devices> devices{};
constinit size_t device_count = 0;

// Starts one device more. ENODEV: that were all.
Result<void> start_next() {
    if (device_count == most_devices) return Error{ENODEV};
    const auto by_fuse = virtio::claim(VIRTIO_ID_FS);
    if (!by_fuse.ok() && by_fuse.code() != ENODEV) return by_fuse.error();
    virtio::Transport* const transport = by_fuse.ok() ? by_fuse.value() : TRY(virtio::claim(VIRTIO_ID_9P));
    devices[device_count] = TRY(virtio::start_driver<ShareDevice>(*transport));
    ++device_count;
    return {};
}

}  // namespace

Result<Share> claim_virtio_share(std::string_view tag, uint32_t patience) {
    const sync::Guard guard{devices_lock};
    for (size_t i = 0;; ++i) {
        // A device that cannot be started might have been the one that is wanted: that is what the caller is told.
        if (i == device_count) TRY(start_next());
        if (devices[i]->tag() != tag) continue;
        if (!devices[i]->claim(patience)) return Error{EBUSY};
        return Share{devices[i], devices[i]->protocol()};
    }
}

}  // namespace eremite::drivers

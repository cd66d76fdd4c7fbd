#pragma once
// The driver of a network device under test: queues in a guest's memory, and networks that the test holds.
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "virtio/split_queue.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/net/device.hpp"

namespace eremite::test {

using Bytes = std::vector<uint8_t>;
using vmm::net::bit;

// A frame with its header.
struct Frame {
    vmm::net::Header header{};
    Bytes bytes;
};
// `size` bytes that differ, of a frame that is number `seed`.
[[nodiscard]] Bytes pattern(size_t size, uint8_t seed = 0);

// The network behind a pair of queues: what came from the driver, and what is for it.
class FakeChannel final : public vmm::net::Channel {
public:
    void attach(vmm::virtio::Host&, Listener& listener) override { this->listener = &listener; }
    void watch(bool readable, bool writable) override {
        wants_frames = readable;
        wants_room = writable;
    }
    size_t receive(std::span<const iovec> pieces) override;
    Sent send(std::span<const iovec> pieces) override;
    void flush() override { ++flushes; }

    Listener* listener = nullptr;
    bool wants_frames = false, wants_room = false;
    size_t room = SIZE_MAX;  // for so many frames
    std::deque<Frame> incoming;
    std::vector<Frame> sent;
    size_t reads = 0, flushes = 0;
};

class FakeBackend final : public vmm::net::Backend {
public:
    FakeBackend(size_t channels, uint64_t features) : channels_(channels), offloads_{features} {}
    [[nodiscard]] size_t channel_count() const override { return channels_.size(); }
    [[nodiscard]] FakeChannel& channel(size_t index) override { return channels_[index]; }
    [[nodiscard]] uint64_t offloads() const override { return offloads_; }
    void negotiate(uint64_t features) override { negotiated = features; }
    [[nodiscard]] bool use(size_t channels) override {
        if (refuses) return false;
        used = channels;
        return true;
    }
    uint64_t negotiated = 0;
    size_t used = 0;
    bool refuses = false;

private:
    std::deque<FakeChannel> channels_;
    uint64_t offloads_;
};

// A queue with both its sides.
struct BothSides final : virtio::QueueOwner {
    void notify(uint16_t queue) override { notify_device(queue); }
    void fail(std::string_view why) override;

    std::function<void(uint16_t)> notify_device;
    std::vector<virtio::Slot> slots;
    std::unique_ptr<virtio::SplitQueue> driver;
    std::optional<vmm::virtio::Queue> device;
    uint64_t address = 0;
    size_t interrupts = 0;
};

struct Options {
    bool event_index = true;
    uint16_t queue_size = 256;
    uint16_t indirect_segments = 0;
};

class Machine final : public vmm::virtio::Host {
public:
    explicit Machine(const Options& options = {}) : options_{options} {}
    ~Machine();

    // Host
    vmm::EventLoop& loop() override { return loop_; }
    std::mutex& lock() override { return lock_; }
    void configuration_changed() override { ++configuration_changes; }
    void needs_reset(std::string_view) override { ++broken; }

    // With a fake backend; returns it.
    FakeBackend& make_device(size_t channels, uint64_t offloads, const vmm::net::Settings& settings = {});
    void make_device(std::unique_ptr<vmm::net::Backend> backend, const vmm::net::Settings& settings = {});
    // The driver is ready, with new queues.
    void start(uint64_t features);
    void stop();
    // Until nothing happens any more, or `most` turns.
    void settle(size_t most = 1000);

    [[nodiscard]] vmm::net::NetDevice& device() { return *device_; }
    [[nodiscard]] BothSides& receive_queue(size_t pair = 0) { return *queues_[2 * pair]; }
    [[nodiscard]] BothSides& send_queue(size_t pair = 0) { return *queues_[2 * pair + 1]; }
    [[nodiscard]] BothSides& queue(size_t index) { return *queues_[index]; }
    [[nodiscard]] const vmm::GuestMemory& memory() const { return memory_; }
    // Memory of the guest's; for good.
    [[nodiscard]] uint64_t allocate(size_t size);
    [[nodiscard]] uint8_t* at(uint64_t address, size_t size) const;

    // A buffer for what comes, of pieces of these sizes.
    void give_buffer(size_t pair, std::initializer_list<size_t> pieces);
    void give_buffers(size_t pair, size_t count, size_t size);
    // Frames that came, by the buffers that were used.
    [[nodiscard]] std::vector<Frame> take_frames(size_t pair = 0);
    [[nodiscard]] size_t buffers_of_last_frame() const { return buffers_of_last_frame_; }
    // Sends it in pieces of these sizes at most, header and frame one after the other. Does not tell the device.
    void add_frame(size_t pair, const Frame& frame, size_t piece = SIZE_MAX);
    void kick(BothSides& queue);
    // A command of the control queue; returns the answer.
    [[nodiscard]] uint8_t command(size_t queue, const Bytes& message);

    size_t configuration_changes = 0, broken = 0;

private:
    struct Buffer {
        std::vector<virtio::Segment> segments;
    };
    void make_queue(size_t index);

    Options options_;
    vmm::GuestMemory memory_{uint64_t{64} << 20};
    uint64_t next_ = 0x1000;
    vmm::EventLoop loop_;
    std::mutex lock_;
    FakeBackend* fake_ = nullptr;
    std::vector<std::unique_ptr<BothSides>> queues_;
    std::unique_ptr<vmm::net::NetDevice> device_;
    std::deque<Buffer> buffers_;
    size_t buffers_of_last_frame_ = 0;
    bool started_ = false;
};

}  // namespace eremite::test

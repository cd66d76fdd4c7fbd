// The fuzzer plays the driver of a network device with two pairs of queues and a control queue. Input: features, then steps of a byte each with
// their operands: what stands in the rings, notifications, frames from the network, resets.
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "vmm/net/device.hpp"
#include "vmm/net/header.hpp"

namespace eremite::vmm {
namespace {

using test::Input;
using test::require;

constexpr size_t memory_size = size_t{256} << 10;
constexpr uint64_t rings_start = 0, ring_stride = 0x1000, data_start = 0x8000;
constexpr uint16_t queue_size = 16;

class Network final : public net::Backend, public net::Channel {
public:
    // Backend; both pairs share what comes.
    [[nodiscard]] size_t channel_count() const override { return 2; }
    [[nodiscard]] Channel& channel(size_t index) override { return index == 0 ? *this : static_cast<Channel&>(second_); }
    [[nodiscard]] uint64_t offloads() const override { return ~uint64_t{0}; }
    void negotiate(uint64_t features) override { this->features = features; }
    [[nodiscard]] bool use(size_t channels) override {
        require(channels == 1 || channels == 2);
        return true;
    }
    // Channel
    void attach(virtio::Host&, Listener& listener) override { listeners.push_back(&listener); }
    void watch(bool, bool) override {}
    size_t receive(std::span<const iovec> pieces) override {
        require(started);
        if (incoming.empty()) return 0;
        const std::vector<std::byte> frame(incoming.front(), std::byte{0xab});
        incoming.pop_front();
        return virtio::copy_to(pieces, 0, frame);
    }
    Sent send(std::span<const iovec> pieces) override {
        require(started && pieces[0].iov_len == net::header_size);
        if (room == 0) return Sent::Not_yet;
        --room;
        size_t length = 0;
        for (const iovec& piece : pieces.subspan(1)) length += piece.iov_len;
        net::Header header;
        std::memcpy(&header, pieces[0].iov_base, sizeof header);
        // What goes on is what a check lets through.
        require(net::check_header(header, length, features).has_value());
        std::vector<std::byte> bytes(length);
        require(virtio::copy_from(pieces, net::header_size, bytes) == length);
        return Sent::Done;
    }

    std::vector<Listener*> listeners;
    bool started = false;
    uint64_t features = 0;
    size_t room = 0;
    std::deque<size_t> incoming;

private:
    struct Second final : Channel {
        explicit Second(Network& first) : first_{first} {}
        void attach(virtio::Host& host, Listener& listener) override { first_.attach(host, listener); }
        void watch(bool, bool) override {}
        size_t receive(std::span<const iovec> pieces) override { return first_.receive(pieces); }
        Sent send(std::span<const iovec> pieces) override { return first_.send(pieces); }
        Network& first_;
    } second_{*this};
};

class Machine final : public virtio::Host {
public:
    explicit Machine(uint64_t features) : features_{features} {
        std::memset(memory_.piece(0, memory_size).data(), 0, memory_size);
        auto network = std::make_unique<Network>();
        network_ = network.get();
        device_ = std::make_unique<net::NetDevice>(*this, std::move(network), net::Settings{});
        require(device_->queue_sizes().size() == queue_count);
        start();
    }
    ~Machine() { stop(); }
    EventLoop& loop() override { return loop_; }
    std::mutex& lock() override { return lock_; }
    void configuration_changed() override {}
    void needs_reset(std::string_view) override { broken_ = true; }

    void step(Input& input) {
        switch (input.byte() % 11) {
            case 0: {  // anywhere
                const size_t offset = input.number(3) % memory_size;
                const auto bytes = input.take(input.byte());
                const auto place = memory_.piece(offset, bytes.size());
                if (!place.empty()) std::memcpy(place.data(), bytes.data(), bytes.size());
                return;
            }
            case 1: {  // a descriptor
                const uint8_t queue = input.byte() % queue_count, index = input.byte() % queue_size;
                vring_desc descriptor{};
                descriptor.addr = input.number(3);
                descriptor.len = input.half();
                if (const uint8_t scale = input.byte(); (scale & 0xf0) == 0xf0) descriptor.len <<= scale & 15;
                descriptor.flags = input.byte();
                descriptor.next = input.byte() % (queue_size + 1);
                return put(queue, sizeof descriptor * index, descriptor);
            }
            case 2:
            case 3: {  // requests
                const uint8_t queue = input.byte() % queue_count;
                for (uint8_t count = input.byte() % 8; count > 0; --count) {
                    put(queue, available_at + 4 + 2 * (available_[queue] % queue_size), uint16_t{input.byte()});
                    put(queue, available_at + 2, ++available_[queue]);
                }
                return;
            }
            case 4: return put(input.byte() % queue_count, available_at + 2, input.half());
            case 5: return notify(input.byte() % (queue_count + 2));
            case 6: {  // frames
                for (uint8_t count = input.byte() % 16; count > 0; --count) network_->incoming.push_back(input.number(3) % (net::longest_frame + 30));
                return turn();
            }
            case 7: network_->room = input.byte(); return turn();
            case 8: return turn();
            case 9: return make_request(input);
            default:
                stop();
                features_ = features_of(input);
                return start();
        }
    }
    // All, without those that the input names.
    static uint64_t features_of(Input& input) { return ~(uint64_t{input.word()} << 32 | input.word()); }

private:
    static constexpr size_t queue_count = 5;
    static constexpr size_t available_at = sizeof(vring_desc) * queue_size, used_at = 0x800;

    // One that makes sense, with bytes of the input's in its first piece, and tells the device.
    void make_request(Input& input) {
        const uint8_t queue = input.byte() % (queue_count + 2), shape = input.byte(), first = input.byte() % queue_size;
        if (queue >= queue_count) return;
        const uint8_t readable = shape & 3, writable = shape >> 2 & 3, count = readable + writable;
        const auto text = input.take(shape >> 4);
        for (uint8_t i = 0; i < count; ++i) {
            const uint16_t length = i == 0 ? static_cast<uint16_t>(text.size()) : input.half();
            vring_desc descriptor{};
            descriptor.addr = data_start + input.half();
            descriptor.len = length;
            descriptor.flags = static_cast<uint16_t>((i < readable ? 0 : VRING_DESC_F_WRITE) | (i + 1 < count ? VRING_DESC_F_NEXT : 0));
            descriptor.next = (first + i + 1) % queue_size;
            if (i == 0) std::memcpy(memory_.piece(descriptor.addr, 16).data(), text.data(), text.size());
            put(queue, sizeof descriptor * ((first + i) % queue_size), descriptor);
        }
        put(queue, available_at + 4 + 2 * (available_[queue] % queue_size), uint16_t{first});
        put(queue, available_at + 2, ++available_[queue]);
        notify(queue);
    }
    template <typename T>
    void put(size_t queue, size_t offset, const T& value) {
        std::memcpy(memory_.piece(rings_start + ring_stride * queue + offset, sizeof value).data(), &value, sizeof value);
    }
    void start() {
        queues_.clear();
        available_ = {};
        std::vector<virtio::Queue*> queues;
        for (size_t i = 0; i < queue_count; ++i) {
            const uint64_t at = rings_start + ring_stride * i;
            std::memset(memory_.piece(at, ring_stride).data(), 0, ring_stride);
            queues_.push_back(virtio::Queue::make(memory_,
                                                  {.size = queue_size,
                                                   .descriptors = at,
                                                   .driver_area = at + available_at,
                                                   .device_area = at + used_at,
                                                   .event_index = (features_ & net::bit(VIRTIO_RING_F_EVENT_IDX)) != 0},
                                                  [] {}));
            require(queues_.back().has_value());
        }
        for (auto& queue : queues_) queues.push_back(&*queue);
        broken_ = false;
        const std::lock_guard guard{lock_};
        network_->started = true;
        device_->start(features_ & device_->features(), queues);
    }
    void stop() {
        {
            const std::lock_guard guard{lock_};
            device_->stop();
            network_->started = false;
        }
        // Each request was given back, or not taken.
        for (const auto& queue : queues_) require(queue->position().available == queue->position().used);
        turn();
    }
    void notify(size_t queue) {
        const std::lock_guard guard{lock_};
        if (!broken_) device_->notified(static_cast<uint16_t>(queue));
    }
    void turn() {
        loop_.run_pending();
        const std::lock_guard guard{lock_};
        // Whether it is waited for or not.
        for (net::Channel::Listener* listener : network_->listeners) {
            listener->readable();
            listener->writable();
        }
    }

    static inline GuestMemory memory_{memory_size};
    uint64_t features_;
    EventLoop loop_;
    std::mutex lock_;
    Network* network_ = nullptr;
    std::vector<std::optional<virtio::Queue>> queues_;
    std::unique_ptr<net::NetDevice> device_;
    std::array<uint16_t, queue_count> available_{};
    bool broken_ = false;
};

}  // namespace
}  // namespace eremite::vmm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using eremite::vmm::Machine;
    eremite::test::Input input{data, size};
    Machine machine{Machine::features_of(input)};
    while (!input.empty()) machine.step(input);
    return 0;
}

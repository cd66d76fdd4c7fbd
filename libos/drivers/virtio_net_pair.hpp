#pragma once
// A pair of queues of a network device (virtio 1.2 sections 5.1.6.2 to 5.1.6.4): one to receive, one to send. Its card (virtio_net.cpp) brings
// the device up, and again after it was stopped.
#include <atomic>

#include "libos/drivers/virtio/device.hpp"
#include "libos/drivers/virtio_net_control.hpp"
#include "libos/drivers/virtio_net_format.hpp"
#include "libos/network/nic.hpp"
#include "netstack/storage/pool.hpp"

namespace eremite::drivers {

class VirtioNetPair final : public network::Nic {
public:
    static constexpr uint16_t most_fragments = 17;  // of data; a header that found no room in front is one more

    // `went_down`: called with the listener's lock when the device was stopped and this pair has everything back.
    VirtioNetPair(const net::Capabilities& capabilities, size_t index, virtio::Callback went_down) : Nic{capabilities}, index_{index}, went_down_{went_down} {}

    // Makes the queues, before the device starts. `control` is for the pair that the device tells to announce itself, and null for others; both
    // live until the pair went down. Requires: the pair is down, as at first. Errors of Device::start_queue().
    [[nodiscard]] Result<void> make_queues(virtio::Device& device, size_t header_size, VirtioNetControl* control);
    // From here on packets come. Requires: the device has started.
    void start(const network::Card::User& user);
    // The same after it was down and has new queues.
    void start_again();
    // Something may have happened to the device.
    void tell_listener() {
        if (Listener* const listener = listener_.load(std::memory_order_acquire)) listener->attention(*this);
    }
    // The same with its configuration.
    void configuration_changed() {
        configuration_changed_.store(true);
        tell_listener();
    }
    [[nodiscard]] bool uses_packed_rings() const { return receive_queue_->shape().packed; }

    // Nic
    [[nodiscard]] bool poll(Receiver& receiver, size_t most) override;
    [[nodiscard]] bool watch() override { return !down_ && receive_queue_->enable_interrupts(); }
    [[nodiscard]] bool transmit(net::Packet& packet) override;
    void flush() override;
    [[nodiscard]] bool has_room_again() override;
    [[nodiscard]] bool sending() override;
    [[nodiscard]] bool link_up() override;
    [[nodiscard]] bool shall_announce() override;
    [[nodiscard]] std::string_view driver() const override { return "virtio-net"; }

private:
    void begin();
    void refill();
    void reclaim();
    void look_at_status();
    [[nodiscard]] net::Packet over(const virtio::Completion& done, size_t skip);
    [[nodiscard]] net::Packet accept(const virtio::Completion& done);
    void write_header(uint8_t* at, const net::Offload& offload) const;

    const size_t index_;
    const virtio::Callback went_down_;
    virtio::Device* device_ = nullptr;
    VirtioNetControl* control_ = nullptr;
    size_t header_size_ = 0;
    virtio::Queue* receive_queue_ = nullptr;
    virtio::Queue* send_queue_ = nullptr;
    std::atomic<Listener*> listener_{nullptr};
    net::PacketPool* pool_ = nullptr;
    size_t room_given_ = 0;     // to the device, for what comes
    size_t filled_ = 0;         // buffers in the receive queue when it was filled last
    int64_t average_size_ = 0;  // of the last packets that came
    bool refused_ = false;      // a packet, for want of room
    bool merges_buffers_ = false;
    bool link_up_ = true;
    bool shall_announce_ = false;
    bool down_ = true;  // not started, or the device failed: nobody may touch it
    std::atomic<bool> configuration_changed_{true};  // since it was read
};

}  // namespace eremite::drivers

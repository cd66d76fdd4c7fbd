#pragma once
// A TAP device of the host as a machine's network: frames pass between it and the guest's memory without a copy of ours.
#include <memory>
#include <string>
#include <vector>

#include "vmm/net/channel.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::net {

// One of its queues.
class TapQueue final : public Channel {
public:
    explicit TapQueue(UniqueFd fd) : fd_{std::move(fd)} {}
    TapQueue(const TapQueue&) = delete;
    TapQueue& operator=(const TapQueue&) = delete;
    ~TapQueue() override;

    void attach(virtio::Host& host, Listener& listener) override;
    void watch(bool readable, bool writable) override;
    [[nodiscard]] size_t receive(std::span<const iovec> pieces) override;
    [[nodiscard]] Sent send(std::span<const iovec> pieces) override;

    [[nodiscard]] int descriptor() const { return fd_.get(); }
    // Whether the kernel has frames go by it. At first it has. False: it does not let us.
    [[nodiscard]] bool enable(bool enabled);

private:
    void handle(uint32_t events);
    void update();

    UniqueFd fd_;
    virtio::Host* host_ = nullptr;
    Listener* listener_ = nullptr;
    bool enabled_ = true, gone_ = false;
    uint32_t wanted_ = 0, watched_ = 0;  // events
};

class Tap final : public Backend {
public:
    // `queues`: 1 or more; more than one takes a device that was made for several. Throws Error, which says what to do.
    Tap(const std::string& name, size_t queues);

    [[nodiscard]] size_t channel_count() const override { return queues_.size(); }
    [[nodiscard]] Channel& channel(size_t index) override { return *queues_[index]; }
    void list_needs(sandbox::Needs& needs) const override;
    [[nodiscard]] uint64_t offloads() const override { return offloads_; }
    void negotiate(uint64_t features) override;
    [[nodiscard]] bool use(size_t channels) override;

private:
    [[nodiscard]] bool set_offloads(unsigned flags);
    void find_offloads();

    std::vector<std::unique_ptr<TapQueue>> queues_;
    uint64_t offloads_ = 0;
    size_t used_ = 0;
};

}  // namespace eremite::vmm::net

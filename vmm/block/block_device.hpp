#pragma once
// The virtio block device (virtio 1.2 section 5.2). Data goes straight between the file and the guest's memory. A write is answered when the host
// has it; a flush when the disk has all that was asked for before it. A driver without flushes has each write on the disk when it is answered.
#include <linux/virtio_ids.h>

#include <array>
#include <string>
#include <vector>

#include "vmm/block/disk.hpp"
#include "vmm/block/io_engine.hpp"
#include "vmm/block/request.hpp"
#include "vmm/virtio/device.hpp"

namespace eremite::vmm::block {

class BlockDevice final : public virtio::Device {
public:
    // As many requests are under way at most.
    static constexpr uint16_t depth = 256;

    // `serial`: by which the guest finds it, 20 bytes at most. Throws Error: the serial is longer. `engine`: of the disk's file, with that depth.
    BlockDevice(virtio::Host& host, std::string name, Disk disk, std::string serial, std::unique_ptr<IoEngine> engine);
    // With the engine that the host can.
    BlockDevice(virtio::Host& host, std::string name, Disk disk, std::string serial);
    ~BlockDevice() override;

    [[nodiscard]] uint32_t type() const override { return VIRTIO_ID_BLOCK; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] uint64_t features() const override;
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return sizes; }
    void read_configuration(uint32_t offset, std::span<std::byte> to) const override;
    void start(uint64_t features, std::span<virtio::Queue* const> queues) override;
    void stop() override;
    void finish() override;
    void list_needs(sandbox::Needs& needs) const override;
    void make_threads() override;
    void notified(uint16_t queue) override;

private:
    static constexpr std::array<uint16_t, 1> sizes{depth};

    // A request under way, from its chain to its answer.
    struct Slot {
        enum class State : uint8_t { Free, UnderWay, Waiting };  // Waiting: a flush, for what came before it
        State state = State::Free;
        uint64_t number = 0;  // in the order of arrival
        virtio::Chain chain;
        Request request;
        uint64_t done = 0;  // bytes
        unsigned tries = 0;
        std::vector<iovec> rest;  // of the memory, once a part was done
    };

    void take_requests();
    void begin(uint32_t slot);
    void submit(uint32_t slot);
    void identify(uint32_t slot);
    // Begins flushes that wait for nothing any more.
    void begin_flushes();
    void take_outcomes();
    void take_what_is_done();
    void finish_part(const Outcome& outcome);
    void fail(uint32_t slot, int error);
    void answer(uint32_t slot, uint8_t status);

    virtio::Host& host_;
    const std::string name_, serial_;
    Disk disk_;
    std::unique_ptr<IoEngine> engine_;
    virtio::Queue* queue_ = nullptr;  // null: stopped
    bool broken_ = false;             // waits for a reset, and takes nothing more
    bool durable_ = false;            // the driver does not flush
    bool can_zero_ = true;            // without holes; known once it was tried
    std::vector<Slot> slots_;
    std::vector<uint32_t> free_;
    std::vector<uint32_t> flushes_;  // that wait, in their order
    uint64_t next_number_ = 0;
    size_t under_way_ = 0;  // operations of the engine's
    int last_error_ = 0;    // that the user was told of
};

}  // namespace eremite::vmm::block

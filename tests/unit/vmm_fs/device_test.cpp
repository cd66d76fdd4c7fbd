// The device behind its transport: our own driver's queues, in a guest's memory.
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <poll.h>

#include <stdexcept>

#include "fixture.hpp"
#include "virtio/split_queue.hpp"
#include "vmm/error.hpp"
#include "vmm/fs/device.hpp"
#include "vmm/virtio/mmio.hpp"

namespace eremite {

void panic(std::string_view message) { throw std::logic_error{std::string{message}}; }

}  // namespace eremite

namespace eremite::test {
namespace {

struct Owner final : virtio::QueueOwner {
    explicit Owner(vmm::virtio::MmioTransport& transport) : transport{transport} {}
    void notify(uint16_t queue) override {
        const uint32_t number = queue;
        transport.write(VIRTIO_MMIO_QUEUE_NOTIFY, std::as_bytes(std::span{&number, 1}));
    }
    void fail(std::string_view why) override {
        health_ = virtio::Health::Broken;
        ADD_FAILURE() << why;
    }
    vmm::virtio::MmioTransport& transport;
};

class FsDeviceTest : public ShareTest {
protected:
    static constexpr uint64_t queues_at = 0x10000, queue_distance = 0x10000, requests_at = 0x100000, request_distance = 0x10000, replies_in = 0x8000;
    static constexpr uint16_t queue_size = 128;

    void make(std::string_view tag = "tag") {
        transport.attach(std::make_unique<vmm::fs::Device>(transport.host(), tag, shared, false));
        transport.run();
    }
    uint32_t get(uint64_t offset) {
        uint32_t value = 0;
        transport.read(offset, std::as_writable_bytes(std::span{&value, 1}));
        return value;
    }
    void set(uint64_t offset, uint32_t value) { transport.write(offset, std::as_bytes(std::span{&value, 1})); }

    void start(bool event_index = true) {
        set(VIRTIO_MMIO_STATUS, 0);
        set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
        set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
        set(VIRTIO_MMIO_DRIVER_FEATURES, 1);
        set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
        set(VIRTIO_MMIO_DRIVER_FEATURES, event_index ? uint32_t{1} << 29 : 0);
        set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
        for (uint16_t i = 0; i < 2; ++i) {
            const virtio::QueueShape shape{.size = queue_size, .event_index = event_index};
            const uint64_t at = queues_at + i * queue_distance;
            const auto bytes = memory.piece(at, queue_distance);
            std::fill(bytes.begin(), bytes.end(), std::byte{0});
            slots[i].assign(queue_size, {});
            queues[i] = std::make_unique<virtio::SplitQueue>(shape, virtio::QueueMemory{bytes.data(), PhysicalAddress{at}, slots[i]}, owner, i);
            set(VIRTIO_MMIO_QUEUE_SEL, i);
            set(VIRTIO_MMIO_QUEUE_NUM, queue_size);
            set(VIRTIO_MMIO_QUEUE_DESC_LOW, static_cast<uint32_t>(queues[i]->descriptors().value));
            set(VIRTIO_MMIO_QUEUE_AVAIL_LOW, static_cast<uint32_t>(queues[i]->driver_area().value));
            set(VIRTIO_MMIO_QUEUE_USED_LOW, static_cast<uint32_t>(queues[i]->device_area().value));
            set(VIRTIO_MMIO_QUEUE_READY, 1);
        }
        set(VIRTIO_MMIO_STATUS, get(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
    }
    // Puts request number `i`, whose reply has so much room, into a queue.
    void submit(uint16_t queue, size_t i, uint32_t opcode, uint64_t node, const Body& body, uint32_t room) {
        const Bytes request = request_of(opcode, node, body);
        const uint64_t at = requests_at + i * request_distance;
        const auto place = memory.piece(at, request.size());
        std::copy(request.begin(), request.end(), place.begin());
        const virtio::Segment readable[] = {{PhysicalAddress{at}, 40}, {PhysicalAddress{at + 40}, static_cast<uint32_t>(request.size() - 40)}};
        const virtio::Segment writable[] = {{PhysicalAddress{at + replies_in}, room}};
        ASSERT_TRUE(queues[queue]->add({readable, request.size() > 40 ? 2U : 1U}, {writable, room ? 1U : 0U}, reinterpret_cast<void*>(i)).ok());
    }
    virtio::Completion take(uint16_t queue) {
        for (;;) {
            if (const auto done = queues[queue]->take()) return *done;
            if (queues[queue]->enable_interrupts()) continue;
            pollfd event{.fd = interrupt.get(), .events = POLLIN, .revents = 0};
            constexpr int patience = 30'000;
            if (::poll(&event, 1, patience) != 1) throw std::runtime_error{"the device does not answer"};
            vmm::take_event(interrupt.get());
        }
    }
    template <typename T>
    T reply(size_t i, size_t at = 0) {
        T value{};
        std::memcpy(&value, memory.piece(requests_at + i * request_distance + replies_in + at, sizeof value).data(), sizeof value);
        return value;
    }
    void begin_session() {
        const fuse_init_in in{.major = 7, .minor = 31, .max_readahead = 0, .flags = 0, .flags2 = 0, .unused = {}};
        submit(1, 0, FUSE_INIT, 0, Body{}.add(in), 200);
        queues[1]->kick();
        EXPECT_EQ(take(1).written, sizeof(fuse_out_header) + sizeof(fuse_init_out));
        EXPECT_EQ(reply<fuse_init_out>(0, sizeof(fuse_out_header)).major, 7U);
    }

    vmm::GuestMemory memory{uint64_t{8} << 20};
    vmm::UniqueFd interrupt = vmm::make_event();
    vmm::virtio::MmioTransport transport{memory, interrupt.get()};
    Owner owner{transport};
    std::array<std::vector<virtio::Slot>, 2> slots;
    std::array<std::unique_ptr<virtio::SplitQueue>, 2> queues;
};

TEST_F(FsDeviceTest, TellsItsTag) {
    const std::string tag = "nearly thirty-six bytes 0123456789";
    make(tag);
    EXPECT_EQ(get(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_FS});
    virtio_fs_config configuration{};
    const auto bytes = std::as_writable_bytes(std::span{&configuration, 1});
    for (size_t i = 0; i < sizeof configuration; ++i) transport.read(VIRTIO_MMIO_CONFIG + i, bytes.subspan(i, 1));
    const std::string padded{reinterpret_cast<const char*>(configuration.tag), sizeof configuration.tag};
    EXPECT_EQ(padded, tag + std::string(sizeof configuration.tag - tag.size(), '\0'));
    EXPECT_EQ(configuration.num_request_queues, 1U);
    set(VIRTIO_MMIO_QUEUE_SEL, 0);
    EXPECT_GE(get(VIRTIO_MMIO_QUEUE_NUM_MAX), 128U);
    set(VIRTIO_MMIO_QUEUE_SEL, 1);
    EXPECT_EQ(get(VIRTIO_MMIO_QUEUE_NUM_MAX), 1024U);
    set(VIRTIO_MMIO_QUEUE_SEL, 2);
    EXPECT_EQ(get(VIRTIO_MMIO_QUEUE_NUM_MAX), 0U);
}

TEST_F(FsDeviceTest, TagsThatAreNone) {
    for (const std::string& tag : {std::string{}, std::string(37, 'x'), std::string{"a\0b", 3}})
        EXPECT_THROW(vmm::fs::Device(transport.host(), tag, shared, false), vmm::Error);
    EXPECT_NO_THROW(vmm::fs::Device(transport.host(), std::string(36, 'x'), shared, false));
}

TEST_F(FsDeviceTest, AnswersRequests) {
    write_host(shared / "f", "text");
    make();
    for (const bool event_index : {true, false}) {
        start(event_index);
        begin_session();
        submit(1, 1, FUSE_LOOKUP, FUSE_ROOT_ID, Body{}.text("f"), 200);
        submit(1, 2, FUSE_LOOKUP, FUSE_ROOT_ID, Body{}.text("g"), 200);
        // More than the device does at once.
        constexpr size_t count = 40;
        for (size_t i = 3; i < count; ++i) submit(1, i, FUSE_GETATTR, FUSE_ROOT_ID, Body{}.add(fuse_getattr_in{}), 200);
        queues[1]->kick();
        for (size_t i = 1; i < count; ++i) {
            const auto done = take(1);
            EXPECT_EQ(done.token, reinterpret_cast<void*>(i));
            EXPECT_EQ(done.written, reply<fuse_out_header>(i).len);
        }
        EXPECT_EQ(reply<fuse_out_header>(1).error, 0);
        EXPECT_EQ(reply<fuse_entry_out>(1, sizeof(fuse_out_header)).attr.size, 4U);
        EXPECT_EQ(reply<fuse_out_header>(2).error, -ENOENT);
        EXPECT_EQ(reply<fuse_out_header>(count - 1).error, 0);
    }
}

TEST_F(FsDeviceTest, ForgetsByTheOtherQueue) {
    write_host(shared / "f", "text");
    make();
    start();
    begin_session();
    submit(1, 1, FUSE_LOOKUP, FUSE_ROOT_ID, Body{}.text("f"), 200);
    queues[1]->kick();
    take(1);
    const uint64_t node = reply<fuse_entry_out>(1, sizeof(fuse_out_header)).nodeid;
    submit(0, 2, FUSE_FORGET, node, Body{}.add(fuse_forget_in{1}), 0);
    queues[0]->kick();
    EXPECT_EQ(take(0).written, 0U);
    submit(1, 3, FUSE_GETATTR, node, Body{}.add(fuse_getattr_in{}), 200);
    queues[1]->kick();
    take(1);
    EXPECT_EQ(reply<fuse_out_header>(3).error, -EBADF);
}

TEST_F(FsDeviceTest, ResetEndsTheSession) {
    make();
    start();
    begin_session();
    start();
    submit(1, 1, FUSE_GETATTR, FUSE_ROOT_ID, Body{}.add(fuse_getattr_in{}), 200);
    queues[1]->kick();
    take(1);
    EXPECT_EQ(reply<fuse_out_header>(1).error, -EIO);
}

TEST_F(FsDeviceTest, BrokenQueueAsksForAReset) {
    make();
    start();
    begin_session();
    vmm::take_event(interrupt.get());
    set(VIRTIO_MMIO_INTERRUPT_ACK, ~0U);
    // A descriptor beyond the memory.
    const virtio::Segment nowhere[] = {{PhysicalAddress{uint64_t{1} << 40}, 100}};
    ASSERT_TRUE(queues[1]->add(nowhere, {}, nullptr).ok());
    queues[1]->kick();
    pollfd event{.fd = interrupt.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&event, 1, 30'000), 1);
    EXPECT_NE(get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET, 0U);
    vmm::take_event(interrupt.get());
    start();
    begin_session();
}

}  // namespace
}  // namespace eremite::test

// A virtio device that goes on in another transport, as after the restore of a snapshot, while its driver notices nothing.
#include <gtest/gtest.h>

#include "tests/unit/vmm_core/echo_device.hpp"
#include "tests/unit/vmm_core/guest.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using virtio::Segment;

// One that differs in what a snapshot has to look at.
class OtherDevice final : public vmm::virtio::Device {
public:
    explicit OtherDevice(uint32_t type, uint64_t features, size_t queues) : type_{type}, features_{features}, sizes_(queues, 8) {}
    [[nodiscard]] uint32_t type() const override { return type_; }
    [[nodiscard]] std::string_view name() const override { return "other0"; }
    [[nodiscard]] uint64_t features() const override { return features_; }
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return sizes_; }
    void start(uint64_t, std::span<vmm::virtio::Queue* const>) override {}
    void stop() override {}
    void notified(uint16_t) override {}

private:
    uint32_t type_;
    uint64_t features_;
    std::vector<uint16_t> sizes_;
};

struct MmioSnapshot : ::testing::Test {
    Guest guest;
    EchoDevice* device = nullptr;

    auto maker() {
        return [this](const vmm::GuestMemory&, vmm::virtio::Host& host) {
            auto made = std::make_unique<EchoDevice>(host);
            device = made.get();
            return made;
        };
    }
    void SetUp() override { guest.attach(maker(), false); }
    void restore() { guest.restore(guest.save(), maker()); }
    std::string error_of_restore(std::span<const std::byte> state, const std::function<std::unique_ptr<vmm::virtio::Device>(vmm::virtio::Host&)>& make) {
        try {
            guest.restore(state, [&](const vmm::GuestMemory&, vmm::virtio::Host& host) { return make(host); });
        } catch (const vmm::Error& error) {
            return error.what();
        }
        return "none";
    }
    std::string error_of_restore(std::span<const std::byte> state) {
        return error_of_restore(state, [](vmm::virtio::Host& host) { return std::make_unique<EchoDevice>(host, false); });
    }

    struct Request {
        Segment text, room;
    };
    Request send(std::string_view text, uintptr_t token, uint16_t queue = 0) {
        const Request made{guest.heap.segment(text.size()), guest.heap.segment(text.size())};
        guest.heap.write(made.text, text);
        guest.send(queue, {&made.text, 1}, {&made.room, 1}, reinterpret_cast<void*>(token));
        return made;
    }
    void expect_echo(std::string_view text, uint16_t queue = 0) {
        const Request made = send(text, 1, queue);
        EXPECT_EQ(guest.wait(queue).written, text.size());
        EXPECT_EQ(guest.heap.text(made.room), text);
    }
    // Of all requests that are done, in their order.
    std::vector<uintptr_t> done(uint16_t queue = 0) {
        std::vector<uintptr_t> tokens;
        while (const auto one = guest.queue(queue)->take()) tokens.push_back(reinterpret_cast<uintptr_t>(one->token));
        return tokens;
    }
};

using Tokens = std::vector<uintptr_t>;

TEST_F(MmioSnapshot, AvailableAndNotTaken) {
    guest.bring_up(0, 2, {.size = 8});
    for (int i = 0; i < 21; ++i) expect_echo("before", i % 2);
    const Request one = send("one", 1), two = send("two", 2);
    restore();
    guest.settle();
    EXPECT_EQ(done(), (Tokens{1, 2}));
    EXPECT_EQ(guest.heap.text(one.room) + guest.heap.text(two.room), "onetwo");
    for (int i = 0; i < 21; ++i) expect_echo("after", i % 2);
}

TEST_F(MmioSnapshot, TakenAndNotAnswered) {
    guest.bring_up(0, 2, {.size = 8});
    for (int i = 0; i < 5; ++i) expect_echo("before");
    device->hold = true;
    std::vector<Request> sent;
    for (uintptr_t i = 1; i <= 4; ++i) sent.push_back(send("number " + std::to_string(i), i));
    guest.settle();
    ASSERT_EQ(device->held.size(), 4U);
    restore();
    EXPECT_TRUE(done().empty());
    guest.settle();
    EXPECT_EQ(done(), (Tokens{1, 2, 3, 4}));
    for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(guest.heap.text(sent[i].room), "number " + std::to_string(i + 1));
    expect_echo("after");
}

TEST_F(MmioSnapshot, AnsweredAndNotSeen) {
    guest.bring_up(0, 2, {.size = 8});
    send("one", 1);
    send("two", 2);
    guest.settle();
    ASSERT_EQ(device->notifications, 1);
    restore();
    guest.settle();
    EXPECT_EQ(guest.get(VIRTIO_MMIO_INTERRUPT_STATUS), uint32_t{VIRTIO_MMIO_INT_VRING}) << "the driver has still to look";
    EXPECT_EQ(done(), (Tokens{1, 2})) << "once";
    expect_echo("after");
}

TEST_F(MmioSnapshot, AllAtOnceWithEventIndices) {
    guest.bring_up(0, 1, {.size = 8, .indirect_segments = 4, .event_index = true});
    for (int round = 0; round < 50; ++round) {
        send("answered", 1);
        guest.settle();
        device->hold = true;
        send("taken", 2);
        guest.settle();
        send("available", 3);
        restore();
        for (uintptr_t i = 1; i <= 3; ++i) EXPECT_EQ(reinterpret_cast<uintptr_t>(guest.wait(0).token), i);
        EXPECT_TRUE(done().empty());
    }
    EXPECT_NE(device->features_accepted & feature_bit(VIRTIO_RING_F_EVENT_IDX), 0U);
}

TEST_F(MmioSnapshot, QueuesThatAreNotSetUp) {
    ASSERT_TRUE(guest.negotiate());
    guest.add_queue(1, {.size = 8});
    guest.start();
    restore();
    guest.settle();
    ASSERT_EQ(device->queues.size(), 2U);
    EXPECT_EQ(device->queues[0], nullptr);
    expect_echo("the other", 1);
}

TEST_F(MmioSnapshot, WithoutADriver) {
    restore();
    EXPECT_EQ(device->starts, 0);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_STATUS), 0U);
    guest.bring_up(0, 2);
    expect_echo("and it works");
}

// At each step of section 3.1.1: what the driver wrote is there, and it goes on.
TEST_F(MmioSnapshot, WhileTheDriverBegins) {
    ASSERT_TRUE(guest.negotiate(feature_bit(EchoDevice::own_feature)));
    restore();
    EXPECT_NE(guest.get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK, 0U);
    guest.add_queue(0);
    restore();
    EXPECT_EQ(guest.get(VIRTIO_MMIO_QUEUE_READY), 1U) << "of the selected queue";
    guest.set(VIRTIO_MMIO_QUEUE_SEL, 1);
    restore();
    EXPECT_EQ(guest.get(VIRTIO_MMIO_QUEUE_READY), 0U);
    EXPECT_EQ(device->starts, 0);
    guest.start();
    EXPECT_EQ(device->starts, 1);
    EXPECT_EQ(device->features_accepted, version_1 | feature_bit(EchoDevice::own_feature));
    restore();
    EXPECT_EQ(device->starts, 1);
    EXPECT_EQ(device->features_accepted, version_1 | feature_bit(EchoDevice::own_feature));
    expect_echo("in order");
    guest.reset();
    EXPECT_EQ(device->stops, 1);
}

TEST_F(MmioSnapshot, GenerationOfTheConfiguration) {
    {
        const std::lock_guard guard{guest.transport().device_lock()};
        guest.transport().host().configuration_changed();
    }
    const uint32_t before = guest.get(VIRTIO_MMIO_CONFIG_GENERATION);
    restore();
    EXPECT_EQ(guest.get(VIRTIO_MMIO_CONFIG_GENERATION), before);
}

TEST_F(MmioSnapshot, DeviceThatNeedsAReset) {
    guest.bring_up(0, 1);
    const uint16_t far = 1000;
    std::memcpy(guest.memory.piece(guest.queue(0).setup().driver_area + 2, 2).data(), &far, sizeof far);
    guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    guest.settle();
    guest.wait_for_needs_reset();
    restore();
    guest.settle();
    EXPECT_EQ(device->notifications, 0);
    EXPECT_NE(guest.get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET, 0U);
    guest.reset();
    guest.bring_up(0, 1);
    expect_echo("as new");
}

TEST_F(MmioSnapshot, OtherDevices) {
    guest.bring_up(0, 2);
    const auto state = guest.save();
    const auto error = [&](uint32_t type, uint64_t features, size_t queues) {
        return error_of_restore(state, [=](vmm::virtio::Host&) { return std::make_unique<OtherDevice>(type, features, queues); });
    };
    constexpr uint64_t own = feature_bit(EchoDevice::own_feature);
    EXPECT_EQ(error(1, own, 2), "the snapshot is of a machine with other devices: give it the same kinds of --net, --mount and --volume");
    EXPECT_EQ(error(EchoDevice::own_type, 0, 2), "other0 can do other things than the one of the snapshot");
    EXPECT_EQ(error(EchoDevice::own_type, own | 1, 2), "other0 can do other things than the one of the snapshot");
    EXPECT_EQ(error(EchoDevice::own_type, own, 1), "other0 has another number of queues than the one of the snapshot");
    EXPECT_EQ(error(EchoDevice::own_type, own, 3), "other0 has another number of queues than the one of the snapshot");
    EXPECT_EQ(error(EchoDevice::own_type, own, 2), "the snapshot is damaged: a queue is too long") << "of 16 where the largest is 8";
    guest.settle();
    expect_echo("the first goes on");
}

TEST_F(MmioSnapshot, CutShortAnywhere) {
    guest.bring_up(0, 2);
    const auto whole = guest.save();
    for (size_t size = 0; size < whole.size(); ++size) {
        const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
        EXPECT_EQ(error_of_restore(part), "the snapshot is damaged: its state ends too early") << size;
    }
    EXPECT_EQ(error_of_restore(whole), "none");
}

// A state of an echo device, as save() writes it.
struct Registers {
    uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
    uint64_t accepted = version_1;
    vmm::virtio::QueueSetup queue{8, 0x1000, 0x2000, 0x3000, false};
    bool started = true;

    [[nodiscard]] std::vector<std::byte> state() const {
        vmm::StateWriter state;
        state.begin("virtio device");
        state.add<uint32_t>(EchoDevice::own_type);
        state.add<uint64_t>(version_1 | feature_bit(VIRTIO_RING_F_EVENT_IDX) | feature_bit(VIRTIO_RING_F_INDIRECT_DESC) | feature_bit(EchoDevice::own_feature));
        state.add(status);
        for (int i = 0; i < 4; ++i) state.add<uint32_t>(UINT32_MAX);
        state.add(accepted);
        state.add<uint32_t>(0);
        state.add<uint64_t>(2);
        for (int i = 0; i < 2; ++i) {
            state.add(queue);
            state.add(true);
            state.add<uint16_t>(UINT16_MAX);
        }
        state.add(started);
        return {state.bytes().begin(), state.bytes().end()};
    }
};

TEST_F(MmioSnapshot, RegistersThatContradictEachOther) {
    EXPECT_EQ(error_of_restore(Registers{}.state()), "none");
    Registers registers;
    for (const uint32_t missing : {VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_DRIVER_OK}) {
        registers.status = Registers{}.status & ~missing;
        EXPECT_EQ(error_of_restore(registers.state()), "the snapshot is damaged: a device works without a driver");
    }
    registers = {};
    registers.accepted = UINT64_MAX;
    EXPECT_EQ(error_of_restore(registers.state()), "the snapshot is damaged: a driver accepted what was not offered");
    registers = {};
    registers.queue.size = 16;
    EXPECT_EQ(error_of_restore(registers.state()), "the snapshot is damaged: a queue is too long") << "the second has 8 at most";
    for (const vmm::virtio::QueueSetup& queue : {vmm::virtio::QueueSetup{0, 0x1000, 0x2000, 0x3000, false}, vmm::virtio::QueueSetup{7, 0x1000, 0x2000, 0x3000, false},
                                                 vmm::virtio::QueueSetup{8, UINT64_MAX - 15, 0x2000, 0x3000, false},
                                                 vmm::virtio::QueueSetup{8, 0x1000, guest.memory.size(), 0x3000, false}}) {
        registers = {};
        registers.queue = queue;
        EXPECT_EQ(error_of_restore(registers.state()), "the snapshot is damaged: a queue is not in memory");
    }
}

}  // namespace
}  // namespace eremite::test

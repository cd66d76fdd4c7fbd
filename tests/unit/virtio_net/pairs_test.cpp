// Several pairs of queues and the control queue (virtio 1.2 sections 5.1.2 and 5.1.6.5).
#include <optional>

#include "fixture.hpp"

namespace eremite::test {
namespace {

constexpr uint64_t control = bit(VIRTIO_NET_F_CTRL_VQ), several = control | bit(VIRTIO_NET_F_MQ), announcing = control | bit(VIRTIO_NET_F_GUEST_ANNOUNCE);
using Commands = std::vector<Bytes>;
const Bytes use_two{VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2, 0}, announced{VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK};

class PairsTest : public VirtioNetTest {
protected:
    Commands commands;
    std::optional<uint8_t> answer = VIRTIO_NET_OK;  // nothing: the device does not answer
    uint16_t interrupts = 1 + 64;                   // that of the configuration, and one for each pair at most

    void claim_with_control(uint64_t features, uint16_t device_pairs) {
        const auto control_queue = static_cast<uint16_t>(2 * device_pairs);
        transport.interrupts = interrupts;
        transport.on_notify = [this, control_queue](uint16_t index) {
            if (index == control_queue) obey(device(index));
        };
        claim(all_features | features, device_pairs);
    }
    void start_two() {
        claim_with_control(several | announcing, 2);
        ASSERT_EQ(card->make_pairs(2).code(), 0);
        begin(2);
    }
    void change_status(uint8_t status) {
        transport.configuration[6] = status;
        transport.events = {false, true};
        raise(transport.connected.at(0));
    }
    void break_protocol(uint16_t queue) {
        if (GetParam()) dynamic_cast<PackedDevice&>(device(queue)).put_used(9999, 0, 1);
        else dynamic_cast<SplitDevice&>(device(queue)).put_used(9999, 0);
    }
    void TearDown() override {
        transport.on_notify = {};
        VirtioNetTest::TearDown();
    }

private:
    void obey(FakeDevice& queue) {
        while (const auto request = queue.pop()) {
            Bytes command;
            for (const auto& part : request->readable) command.insert(command.end(), at(part), at(part) + part.length);
            commands.push_back(command);
            if (!answer) continue;
            ASSERT_EQ(request->writable_bytes(), 1U);
            *at(request->writable[0]) = *answer;
            queue.complete(*request, 1);
        }
        queue.ask_for_notification();
    }
};

TEST_P(PairsTest, EachHasItsQueues) {
    start_two();
    EXPECT_EQ(commands, (Commands{use_two}));
    EXPECT_EQ(transport.queues.size(), 5U);
    EXPECT_EQ(card->pair(1).capabilities().mac, nic->capabilities().mac);
    deliver({.hdr = {}, .num_buffers = 1}, Bytes(60, 5), 2);
    poll();
    EXPECT_TRUE(receiver.packets.empty());
    poll(card->pair(1));
    ASSERT_EQ(receiver.packets.size(), 1U);
    EXPECT_EQ(receiver.packets[0].first, Bytes(60, 5));
    net::Packet to_send = packet(100, 1);
    ASSERT_TRUE(card->pair(1).transmit(to_send));
    EXPECT_EQ(sent(1).size(), 0U);
    EXPECT_EQ(sent(3).size(), sizeof(Header) + 100);
    card->pair(1).flush();
}

TEST_P(PairsTest, EachInterruptsItsProcessor) {
    start_two();
    for (const uint16_t queue : {0, 1, 2, 3}) EXPECT_EQ(transport.connected.at(transport.queues.at(queue).interrupt).first, queue / 2U);
    raise(transport.connected.at(transport.queues.at(2).interrupt));
    EXPECT_EQ(listeners[0].calls, 0);
    EXPECT_EQ(listeners[1].calls, 1);
    EXPECT_EQ(transport.queues.at(4).interrupt, virtio::no_interrupt);
}

TEST_P(PairsTest, OneInterruptIsForAll) {
    claim_with_control(several, 2);
    transport.interrupts = 1;
    ASSERT_EQ(card->make_pairs(2).code(), 0);
    begin(2);
    raise(transport.connected.at(0));
    EXPECT_EQ(listeners[0].calls, 1);
    EXPECT_EQ(listeners[1].calls, 1);
}

TEST_P(PairsTest, WithoutSuchAProcessorTheFirstIsInterrupted) {
    claim_with_control(several, 3);
    ASSERT_EQ(card->make_pairs(3).code(), 0);
    EXPECT_EQ(transport.connected.at(transport.queues.at(2).interrupt).first, 1U);
    EXPECT_EQ(transport.connected.at(transport.queues.at(4).interrupt).first, 0U);
    begin(3);
}

TEST_P(PairsTest, OnlyThoseThatAreWantedAreMade) {
    claim_with_control(several, 8);
    EXPECT_EQ(card->most_pairs(), 8U);
    ASSERT_EQ(card->make_pairs(1).code(), 0);
    begin();
    EXPECT_EQ(transport.queues.size(), 2U);
    EXPECT_TRUE(commands.empty());
    expect_only_this_dropped();
}

TEST_P(PairsTest, ADeviceThatRefusesHasOnePair) {
    claim_with_control(several, 2);
    answer = VIRTIO_NET_ERR;
    EXPECT_EQ(card->make_pairs(2).code(), EIO);
    EXPECT_EQ(transport.current_status, 0);
    ASSERT_EQ(card->make_pairs(1).code(), 0);
    begin();
    EXPECT_EQ(transport.queues.size(), 2U);
    expect_only_this_dropped();
}

TEST_P(PairsTest, ADeviceThatDoesNotAnswerHasOnePair) {
    claim_with_control(several, 2);
    answer = {};
    EXPECT_EQ(card->make_pairs(2).code(), EIO);
    EXPECT_EQ(commands, (Commands{use_two}));
    ASSERT_EQ(card->make_pairs(1).code(), 0);
    begin();
    expect_only_this_dropped();
}

TEST_P(PairsTest, APairForEachProcessorAtMost) {
    claim_with_control(several, 300);
    EXPECT_EQ(card->most_pairs(), size_t{EREMITE_MAX_CPUS});
    ASSERT_EQ(card->make_pairs(2).code(), 0);
    EXPECT_TRUE(transport.queues.contains(600));
    begin(2);
}

TEST_P(PairsTest, NoMoreThanHaveAnInterruptEach) {
    interrupts = 1 + 3;
    claim_with_control(several, 8);
    EXPECT_EQ(card->most_pairs(), 3U);
}

TEST_P(PairsTest, OneWhereAllHaveToShareAnInterrupt) {
    for (const uint16_t few : {0, 1, 2}) {
        interrupts = few;
        claim_with_control(several, 2);
        EXPECT_EQ(card->most_pairs(), 1U);
    }
}

TEST_P(PairsTest, ImpossibleNumbersOfPairsMeanOne) {
    for (const uint16_t pairs : {0, 0x7fff, 0xffff}) {
        claim_with_control(several, pairs);
        EXPECT_EQ(card->most_pairs(), 1U);
        EXPECT_EQ(transport.accepted & several, 0U);
    }
}

TEST_P(PairsTest, WithoutAControlQueueThereIsOne) {
    claim_with_control(bit(VIRTIO_NET_F_MQ) | bit(VIRTIO_NET_F_GUEST_ANNOUNCE), 4);
    EXPECT_EQ(card->most_pairs(), 1U);
    EXPECT_EQ(transport.accepted & (several | announcing), 0U);
    ASSERT_EQ(card->make_pairs(1).code(), 0);
    begin();
    expect_only_this_dropped();
}

TEST_P(PairsTest, AllHearOfTheLink) {
    start_two();
    EXPECT_TRUE(nic->link_up() && card->pair(1).link_up());
    change_status(0);
    EXPECT_EQ(listeners[0].calls, 1);
    EXPECT_EQ(listeners[1].calls, 1);
    EXPECT_FALSE(nic->link_up() || card->pair(1).link_up());
}

TEST_P(PairsTest, TheFirstIsToldToAnnounceItselfOnce) {
    start_two();
    EXPECT_FALSE(nic->shall_announce());
    change_status(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    EXPECT_FALSE(card->pair(1).shall_announce());
    EXPECT_TRUE(nic->link_up());
    EXPECT_TRUE(nic->shall_announce());
    EXPECT_FALSE(nic->shall_announce());
    EXPECT_EQ(commands, (Commands{use_two, announced}));
}

TEST_P(PairsTest, AnnouncementsWaitForTheLink) {
    start_two();
    change_status(VIRTIO_NET_S_ANNOUNCE);
    EXPECT_FALSE(nic->shall_announce());
    change_status(VIRTIO_NET_S_LINK_UP);
    EXPECT_TRUE(nic->shall_announce());
}

TEST_P(PairsTest, OnePairIsToldToAnnounceItselfToo) {
    claim_with_control(announcing, 1);
    ASSERT_EQ(card->make_pairs(1).code(), 0);
    begin();
    change_status(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    EXPECT_TRUE(nic->shall_announce());
    EXPECT_EQ(commands, (Commands{announced}));
}

TEST_P(PairsTest, AcknowledgementsThatNobodyTakesDoNotPileUp) {
    start_two();
    answer = {};
    for (int i = 0; i < 20; ++i) {
        change_status(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
        EXPECT_TRUE(nic->shall_announce());
    }
    EXPECT_EQ(commands, (Commands{use_two, announced}));
}

TEST_P(PairsTest, AllAreStartedAgainAfterAllAreDown) {
    start_two();
    break_protocol(2);
    poll(card->pair(1));
    pass(Duration::milliseconds(1));
    EXPECT_GT(listeners[0].calls, 0);
    EXPECT_GT(listeners[1].calls, 0);
    poll(card->pair(1));
    EXPECT_FALSE(card->pair(1).link_up());
    // The first still has its buffers.
    pass(Duration::seconds(120));
    EXPECT_FALSE(card->pair(1).link_up());
    poll();
    EXPECT_FALSE(nic->link_up());
    pass(Duration::seconds(120));
    EXPECT_TRUE(nic->link_up() && card->pair(1).link_up());
    EXPECT_EQ(commands, (Commands{use_two, use_two}));
    deliver({.hdr = {}, .num_buffers = 1}, Bytes(60, 5), 2);
    poll(card->pair(1));
    ASSERT_EQ(receiver.packets.size(), 1U);
    receiver.packets.clear();
    expect_only_this_dropped();
}

TEST_P(PairsTest, ARestartThatIsRefusedIsTriedAgain) {
    start_two();
    break_protocol(0);
    poll();
    pass(Duration::milliseconds(1));
    poll();
    poll(card->pair(1));
    answer = VIRTIO_NET_ERR;
    const int errors = errors_logged;
    pass(Duration::seconds(120));
    EXPECT_FALSE(nic->link_up() || card->pair(1).link_up());
    EXPECT_GT(errors_logged, errors);
    answer = VIRTIO_NET_OK;
    pass(Duration::seconds(120));
    EXPECT_TRUE(nic->link_up() && card->pair(1).link_up());
    expect_only_this_dropped();
}

TEST_P(PairsTest, ADeviceThatFailsBeforeAllListenIsStartedAgain) {
    claim_with_control(several, 2);
    ASSERT_EQ(card->make_pairs(2).code(), 0);
    change_status(VIRTIO_NET_S_LINK_UP);
    transport.current_status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    raise(transport.connected.at(0));
    pass(Duration::milliseconds(1));
    begin(2);
    EXPECT_GT(listeners[0].calls, 0);
    EXPECT_GT(listeners[1].calls, 0);
    poll();
    poll(card->pair(1));
    pass(Duration::seconds(120));
    EXPECT_TRUE(nic->link_up() && card->pair(1).link_up());
}

INSTANTIATE_TEST_SUITE_P(Rings, PairsTest, testing::Bool(), [](const auto& info) { return info.param ? "Packed" : "Split"; });

}  // namespace
}  // namespace eremite::test

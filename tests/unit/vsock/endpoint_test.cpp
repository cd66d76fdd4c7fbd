#include "machines.hpp"
#include "tests/random.hpp"

namespace eremite::test {
namespace {

constexpr uint32_t near_cid = 3, far_cid = 4, port_number = 1024;

struct Endpoints : ::testing::Test {
    TestMachine near{near_cid}, far{far_cid};

    static bool carry(TestMachine& from, TestMachine& to) {
        const auto packet = from.wire.take();
        if (packet) to.hear(*packet, packet->data());
        return packet != nullptr;
    }
    void run() {
        while (carry(near, far) || carry(far, near)) {
        }
    }
    struct Ends {
        Stream &near, &far;
    };
    Ends connect(uint32_t buffer = 65536) {
        Port& port = far.listen(port_number, 8, buffer);
        Stream& stream = near.connect({far_cid, port_number}, 5000, buffer);
        run();
        Stream* const accepted = far.accept(port);
        if (!accepted) throw std::runtime_error{"nobody came"};
        return {stream, *accepted};
    }
};

TEST_F(Endpoints, ConnectAndSend) {
    const Ends ends = connect();
    EXPECT_EQ(ends.near.state, State::Established);
    EXPECT_EQ(ends.far.peer, (Address{near_cid, 5000}));
    EXPECT_EQ(ends.far.local, (Address{far_cid, port_number}));
    EXPECT_EQ(near.send(ends.near, "there"), "");
    EXPECT_EQ(far.send(ends.far, "and back"), "");
    run();
    EXPECT_EQ(far.read(ends.far), "there");
    EXPECT_EQ(near.read(ends.near), "and back");
    EXPECT_NE(near.listener.events & POLLIN, 0U);
}

TEST_F(Endpoints, NobodyListens) {
    Stream& stream = near.connect({far_cid, 1});
    run();
    EXPECT_EQ(stream.state, State::Closed);
    EXPECT_EQ(stream.error, ECONNRESET);
}

TEST_F(Endpoints, BoundButNotListening) {
    Port port;
    ASSERT_TRUE(far.endpoint.bind(port, {VMADDR_CID_ANY, 7}, 0).ok());
    Stream& stream = near.connect({far_cid, 7});
    run();
    EXPECT_EQ(stream.error, ECONNRESET);
    far.endpoint.unbind(port);
}

TEST_F(Endpoints, FullBacklog) {
    (void)far.listen(port_number, 1);
    std::array<Stream*, 3> streams{};
    for (uint32_t i = 0; i < streams.size(); ++i) streams[i] = &near.connect({far_cid, port_number}, 5000 + i);
    run();
    EXPECT_EQ(streams[0]->state, State::Established);
    EXPECT_EQ(streams[1]->state, State::Established) << "one more than the backlog, as in Linux";
    EXPECT_EQ(streams[2]->error, ECONNRESET);
}

TEST_F(Endpoints, ListenerThatGoes) {
    Port& port = far.listen(port_number);
    Stream& stream = near.connect({far_cid, port_number});
    run();
    EXPECT_EQ(stream.state, State::Established);
    far.endpoint.unbind(port);
    run();
    EXPECT_EQ(stream.state, State::Ended);
}

TEST_F(Endpoints, SilentPeer) {
    Stream& stream = near.connect({far_cid, port_number});
    near.wire.packets.clear();
    const Instant end = near.now + Duration::seconds(2);
    EXPECT_EQ(near.endpoint.expire(end + Duration{-1}), end);
    EXPECT_EQ(stream.state, State::Connecting);
    EXPECT_EQ(near.endpoint.expire(end), Instant::never());
    EXPECT_EQ(stream.error, ETIMEDOUT);
    EXPECT_EQ(near.wire.operations(), std::vector<int>{VIRTIO_VSOCK_OP_RST}) << "who was only slow hears that it is too late";
}

TEST_F(Endpoints, CreditEndsAndComesBack) {
    const Ends ends = connect(1000);
    const std::string text(1500, 'x');
    EXPECT_EQ(near.send(ends.near, text).size(), 500U);
    EXPECT_EQ(Endpoint::room(ends.near), 0U);
    run();
    EXPECT_EQ(far.read(ends.far, 249).size(), 249U);
    run();
    EXPECT_EQ(Endpoint::room(ends.near), 0U) << "so little is not worth a packet";
    near.listener.events = 0;
    (void)far.read(ends.far, 1);
    run();
    EXPECT_EQ(Endpoint::room(ends.near), 250U);
    EXPECT_NE(near.listener.events & POLLOUT, 0U);
}

// Whatever is written and read in what pieces, the other end gets the same bytes, and nobody waits for ever.
TEST_F(Endpoints, TransfersOfAllSizes) {
    Random random{1};
    for (const uint32_t buffer : {1U, 2U, 3U, 128U, 4096U, 65536U}) {
        const Ends ends = connect(buffer);
        std::string text(std::min(buffer * 20, 300'000U), '\0');
        for (char& byte : text) byte = static_cast<char>(random.next());
        std::string_view left = text;
        std::string got;
        while (got.size() < text.size()) {
            const std::string_view piece = left.substr(0, random.below(buffer * 2) + 1);
            left = left.substr(piece.size() - near.send(ends.near, piece).size());
            run();
            const std::string part = far.read(ends.far, random.below(buffer) + 1);
            ASSERT_TRUE(!part.empty()) << "it stands still at " << got.size();
            got += part;
            run();
        }
        EXPECT_EQ(got, text) << buffer;
        near.close(ends.near);
        far.close(ends.far);
        run();
        far.endpoint.unbind(*far.ports.back());
    }
}

TEST_F(Endpoints, HalfClose) {
    const Ends ends = connect();
    near.send(ends.near, "last words");
    near.endpoint.shutdown(ends.near, socket::vsock::no_send);
    EXPECT_EQ(Endpoint::room(ends.near), 0U);
    run();
    EXPECT_TRUE(ends.far.at_end());
    EXPECT_EQ(far.read(ends.far), "last words");
    EXPECT_EQ(far.send(ends.far, "answer"), "");
    run();
    EXPECT_EQ(near.read(ends.near), "answer");
    EXPECT_FALSE(ends.near.at_end());
}

TEST_F(Endpoints, PeerThatReadsNoMore) {
    const Ends ends = connect();
    far.endpoint.shutdown(ends.far, socket::vsock::no_receive);
    run();
    EXPECT_EQ(Endpoint::room(ends.near), 0U);
    EXPECT_FALSE(ends.near.at_end());
}

// What is on its way to who does not want it is dropped, and is no reason to end.
TEST_F(Endpoints, BytesThatCrossAShutdown) {
    const Ends ends = connect(1000);
    far.endpoint.shutdown(ends.far, socket::vsock::no_receive);
    near.send(ends.near, std::string(1000, 'x'));
    run();
    EXPECT_EQ(ends.far.incoming.size(), 0U);
    EXPECT_EQ(ends.far.state, State::Established);
}

TEST_F(Endpoints, CloseWithBytesUnderWay) {
    const Ends ends = connect();
    near.send(ends.near, "read me");
    near.close(ends.near);
    run();
    EXPECT_EQ(ends.far.state, State::Ended);
    EXPECT_EQ(far.read(ends.far), "read me");
    EXPECT_TRUE(ends.far.at_end());
    EXPECT_EQ(near.endpoint.expire(Instant{INT64_MAX - 1}), Instant::never()) << "nothing is left of it";
}

TEST_F(Endpoints, BothCloseAtOnce) {
    const Ends ends = connect();
    near.close(ends.near);
    far.close(ends.far);
    run();
    EXPECT_TRUE(near.wire.packets.empty());
    // Nobody waits for the other.
    EXPECT_EQ(near.endpoint.expire(near.now), Instant::never());
    EXPECT_EQ(far.endpoint.expire(far.now), Instant::never());
}

TEST_F(Endpoints, CloseThatNobodyAnswers) {
    const Ends ends = connect();
    near.close(ends.near);
    EXPECT_EQ(near.wire.operations(), std::vector<int>{VIRTIO_VSOCK_OP_SHUTDOWN});
    near.wire.packets.clear();
    EXPECT_EQ(near.endpoint.expire(near.now), near.now + Endpoint::close_timeout);
    EXPECT_EQ(near.endpoint.expire(near.now + Endpoint::close_timeout), Instant::never());
    EXPECT_EQ(near.wire.operations(), std::vector<int>{VIRTIO_VSOCK_OP_RST});
    run();
    EXPECT_EQ(ends.far.state, State::Ended);
}

TEST_F(Endpoints, CloseWhileConnecting) {
    Port& port = far.listen(port_number);
    Stream& stream = near.connect({far_cid, port_number});
    near.close(stream);
    run();
    Stream* const accepted = far.accept(port);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->state, State::Ended);
}

TEST_F(Endpoints, LostHost) {
    const Ends ends = connect();
    Stream& second = near.connect({far_cid, 99}, 6000);
    near.endpoint.reset_all();
    EXPECT_EQ(ends.near.state, State::Ended);
    EXPECT_EQ(ends.near.error, ECONNRESET);
    EXPECT_EQ(second.state, State::Closed);
    EXPECT_EQ(second.error, ECONNRESET);
}

TEST_F(Endpoints, AnotherBuffer) {
    const Ends ends = connect(1000);
    far.endpoint.set_buffer(ends.far, 3000);
    run();
    EXPECT_EQ(Endpoint::room(ends.near), 3000U);
    near.send(ends.near, std::string(3000, 'x'));
    far.endpoint.set_buffer(ends.far, 10);
    run();
    EXPECT_EQ(ends.far.state, State::Established) << "the peer could not know";
    EXPECT_EQ(far.read(ends.far).size(), 3000U);
    run();
    EXPECT_EQ(Endpoint::room(ends.near), 10U);
}

TEST_F(Endpoints, Ports) {
    Port first, second, third;
    ASSERT_TRUE(near.endpoint.bind(first, {VMADDR_CID_ANY, 80}, 0).ok());
    EXPECT_EQ(near.endpoint.bind(second, {near_cid, 80}, 0).code(), EADDRINUSE);
    EXPECT_EQ(near.endpoint.bind(second, {far_cid, 81}, 0).code(), EADDRNOTAVAIL);
    ASSERT_TRUE(near.endpoint.bind(second, {near_cid, 81}, 0).ok());
    ASSERT_TRUE(near.endpoint.bind(third, {VMADDR_CID_LOCAL, 81}, 0).ok()) << "another address";
    for (Port* const port : {&first, &second, &third}) near.endpoint.unbind(*port);
    ASSERT_TRUE(near.endpoint.bind(first, {}, 0).ok());
    EXPECT_EQ(first.address.port, 1024U) << "those below are not given out";
    ASSERT_TRUE(near.endpoint.bind(second, {}, UINT32_MAX - 1).ok());
    ASSERT_TRUE(near.endpoint.bind(third, {}, UINT32_MAX - 1).ok());
    EXPECT_EQ(second.address.port, UINT32_MAX - 1);
    EXPECT_EQ(third.address.port, 1025U) << "the last number means any";
    for (Port* const port : {&first, &second, &third}) near.endpoint.unbind(*port);
}

TEST_F(Endpoints, WithinTheMachine) {
    for (const uint32_t cid : {uint32_t{VMADDR_CID_LOCAL}, near_cid}) {
        Port& port = near.listen(port_number);
        Stream& stream = near.connect({cid, port_number});
        EXPECT_EQ(stream.state, State::Established);
        Stream* const other = near.accept(port);
        ASSERT_TRUE(other);
        near.send(stream, "inside");
        EXPECT_EQ(near.read(*other), "inside");
        near.close(stream);
        EXPECT_EQ(other->state, State::Ended);
        near.endpoint.unbind(port);
        EXPECT_TRUE(near.wire.packets.empty());
    }
}

TEST_F(Endpoints, MachineWithoutDevice) {
    TestMachine alone{0, false};
    Stream* const stream = new Stream{1000};
    alone.own(*stream);
    EXPECT_EQ(alone.endpoint.connect(*stream, 5000, {far_cid, 1}, Instant::never()).code(), ENODEV);
    Port& port = alone.listen(port_number);
    // Its own number is the host's.
    Stream& inside = alone.connect({VMADDR_CID_HOST, port_number});
    EXPECT_EQ(inside.state, State::Established);
    EXPECT_TRUE(alone.accept(port));
}

}  // namespace
}  // namespace eremite::test

// What a host may send that it must not.
#include "machines.hpp"

namespace eremite::test {
namespace {

constexpr uint32_t cid = 3, port_number = 1024, host_port = 77;

struct HostileHost : ::testing::Test {
    TestMachine machine{cid};
    Port* port = nullptr;
    Stream* stream = nullptr;

    static Header packet(uint16_t op, uint32_t length = 0) {
        Header header{};
        header.src_cid = VMADDR_CID_HOST;
        header.dst_cid = cid;
        header.src_port = host_port;
        header.dst_port = port_number;
        header.type = VIRTIO_VSOCK_TYPE_STREAM;
        header.op = op;
        header.len = length;
        header.buf_alloc = 4096;
        return header;
    }
    void hear(const Header& header, std::string_view data = {}) {
        // SAFETY: bytes as bytes.
        machine.endpoint.receive(header, {reinterpret_cast<const uint8_t*>(data.data()), data.size()});
    }
    void connect(uint32_t buffer = 1000) {
        port = &machine.listen(port_number, 8, buffer);
        hear(packet(VIRTIO_VSOCK_OP_REQUEST));
        stream = machine.accept(*port);
        ASSERT_TRUE(stream);
        machine.wire.packets.clear();
    }
    void expect_reset() {
        EXPECT_EQ(machine.wire.operations(), std::vector<int>{VIRTIO_VSOCK_OP_RST});
        EXPECT_EQ(stream->state, State::Ended);
        EXPECT_EQ(stream->error, ECONNRESET);
    }
};

TEST_F(HostileHost, MoreThanThereIsRoomFor) {
    connect();
    const std::string text(1001, 'x');
    hear(packet(VIRTIO_VSOCK_OP_RW, 1001), text);
    expect_reset();
    EXPECT_EQ(stream->incoming.size(), 0U);
}

TEST_F(HostileHost, LessThanItSays) {
    connect();
    hear(packet(VIRTIO_VSOCK_OP_RW, 5), "four");
    expect_reset();
}

TEST_F(HostileHost, MoreThanItSays) {
    connect();
    hear(packet(VIRTIO_VSOCK_OP_RW, 4), "four and more");
    EXPECT_EQ(machine.read(*stream), "four");
}

TEST_F(HostileHost, PacketsOfNoStream) {
    for (uint16_t op = 0; op < 12; ++op) {
        hear(packet(op));
        const bool answered = op != VIRTIO_VSOCK_OP_RST;
        EXPECT_EQ(machine.wire.operations(), std::vector<int>(answered ? 1 : 0, VIRTIO_VSOCK_OP_RST)) << op;
        if (answered) {
            const Header& answer = machine.wire.packets.front()->header;
            EXPECT_EQ(answer.dst_cid, uint64_t{VMADDR_CID_HOST});
            EXPECT_EQ(answer.dst_port, host_port);
            EXPECT_EQ(answer.src_port, port_number);
        }
        machine.wire.packets.clear();
    }
}

TEST_F(HostileHost, OtherNumbers) {
    (void)machine.listen(port_number);
    Header header = packet(VIRTIO_VSOCK_OP_REQUEST);
    for (const uint64_t source : {uint64_t{cid}, uint64_t{VMADDR_CID_LOCAL}, uint64_t{UINT32_MAX}, uint64_t{1} << 32 | 2}) {
        header.src_cid = source;
        hear(header);
    }
    header = packet(VIRTIO_VSOCK_OP_REQUEST);
    for (const uint64_t target : {uint64_t{VMADDR_CID_LOCAL}, uint64_t{VMADDR_CID_HOST}, uint64_t{1} << 32 | cid}) {
        header.dst_cid = target;
        hear(header);
    }
    EXPECT_TRUE(machine.wire.packets.empty()) << "they are not even answered";
    EXPECT_FALSE(machine.accept(*machine.ports.front()));
}

TEST_F(HostileHost, AnotherKindOfSocket) {
    connect();
    Header header = packet(VIRTIO_VSOCK_OP_RW);
    header.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
    hear(header);
    EXPECT_EQ(machine.wire.operations(), std::vector<int>{VIRTIO_VSOCK_OP_RST});
    EXPECT_EQ(machine.wire.packets.front()->header.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
    EXPECT_EQ(stream->state, State::Established);
}

TEST_F(HostileHost, AnswersThatNobodyAskedFor) {
    connect();
    hear(packet(VIRTIO_VSOCK_OP_RESPONSE));
    hear(packet(VIRTIO_VSOCK_OP_REQUEST));
    hear(packet(0));
    hear(packet(200));
    EXPECT_EQ(stream->state, State::Established);
    EXPECT_FALSE(machine.accept(*port)) << "there is one stream";
}

TEST_F(HostileHost, WrongAnswerToARequest) {
    Stream& asking = machine.connect({VMADDR_CID_HOST, host_port}, port_number);
    machine.wire.packets.clear();
    hear(packet(VIRTIO_VSOCK_OP_RW, 4), "data");
    EXPECT_EQ(asking.state, State::Closed);
    EXPECT_EQ(asking.error, EPROTO);
    EXPECT_EQ(machine.wire.operations(), std::vector<int>{VIRTIO_VSOCK_OP_RST});
}

TEST_F(HostileHost, EndlessCredit) {
    connect();
    Header header = packet(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
    header.buf_alloc = UINT32_MAX;
    hear(header);
    EXPECT_EQ(Endpoint::room(*stream), Endpoint::most_under_way) << "no more memory than that";
    machine.send(*stream, std::string(Endpoint::most_under_way, 'x'));
    EXPECT_EQ(Endpoint::room(*stream), 0U);
}

TEST_F(HostileHost, PacketsAfterTheEnd) {
    connect();
    hear(packet(VIRTIO_VSOCK_OP_RST));
    EXPECT_EQ(stream->state, State::Ended);
    EXPECT_EQ(stream->error, 0) << "as in Linux: the stream ends, and no more";
    hear(packet(VIRTIO_VSOCK_OP_RW, 1), "x");
    EXPECT_EQ(stream->incoming.size(), 0U);
}

}  // namespace
}  // namespace eremite::test

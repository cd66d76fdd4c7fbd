// What a guest may send that it must not.
#include "driver.hpp"

namespace eremite::test {
namespace {

using vmm::UniqueFd;

struct HostileGuest : VsockTest {
    VsockGuest guest{path};
    UniqueFd listener = listen_unix(path + "_77");

    HostileGuest() { guest.bring_up(); }
    static Header packet(uint16_t op, uint32_t length = 0) {
        Header header{};
        header.src_cid = 3;
        header.dst_cid = VMADDR_CID_HOST;
        header.src_port = 5000;
        header.dst_port = 77;
        header.type = VIRTIO_VSOCK_TYPE_STREAM;
        header.op = op;
        header.len = length;
        header.buf_alloc = 65536;
        return header;
    }
    // Sends a packet and tells the operations that come back.
    std::vector<int> answers(const Header& header, size_t data_bytes = 0) {
        std::vector<std::byte> bytes(sizeof header + data_bytes, std::byte{'x'});
        std::memcpy(bytes.data(), &header, sizeof header);
        guest.send_raw(bytes);
        return settle();
    }
    std::vector<int> settle() {
        std::vector<int> operations;
        for (int i = 0; i < 4; ++i) {
            guest.guest.settle();
            while (const auto done = guest.guest.queue(virtio::vsock::transmit_queue)->take())
                guest.free_segments.push_back(*static_cast<virtio::Segment*>(done->token));
            for (const auto& received : guest.take_packets()) {
                Header answer;
                std::memcpy(&answer, received.data(), sizeof answer);
                operations.push_back(answer.op);
            }
        }
        return operations;
    }
    UniqueFd connect() {
        EXPECT_EQ(answers(packet(VIRTIO_VSOCK_OP_REQUEST)), std::vector<int>{VIRTIO_VSOCK_OP_RESPONSE});
        return UniqueFd{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    }
    static inline const std::vector<int> nothing{}, reset{VIRTIO_VSOCK_OP_RST};
};

TEST_F(HostileGuest, MoreThanThereIsRoomFor) {
    const UniqueFd host = connect();
    // The device's socket takes some of it, until it is full.
    std::vector<int> all;
    for (int i = 0; i < 40 && all != reset; ++i) all = answers(packet(VIRTIO_VSOCK_OP_RW, 65536), 65536);
    EXPECT_EQ(all, reset);
    bool ended = false;
    (void)hear(host, &ended);
    EXPECT_TRUE(ended);
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

TEST_F(HostileGuest, LessThanItSays) {
    const UniqueFd host = connect();
    EXPECT_EQ(answers(packet(VIRTIO_VSOCK_OP_RW, 5), 4), nothing);
    EXPECT_EQ(answers(packet(VIRTIO_VSOCK_OP_RW, UINT32_MAX), 4), nothing);
    EXPECT_EQ(hear(host), "");
}

TEST_F(HostileGuest, MoreThanItSays) {
    const UniqueFd host = connect();
    EXPECT_EQ(answers(packet(VIRTIO_VSOCK_OP_RW, 4), 100), nothing);
    EXPECT_EQ(hear(host), "xxxx");
}

TEST_F(HostileGuest, TooShortForAHeader) {
    const std::vector<std::byte> bytes(20);
    guest.send_raw(bytes);
    EXPECT_EQ(settle(), nothing);
}

TEST_F(HostileGuest, OtherNumbers) {
    Header header = packet(VIRTIO_VSOCK_OP_REQUEST);
    for (const uint64_t source : {uint64_t{2}, uint64_t{4}, uint64_t{1} << 32 | 3}) {
        header.src_cid = source;
        EXPECT_EQ(answers(header), nothing);
    }
    header = packet(VIRTIO_VSOCK_OP_REQUEST);
    for (const uint64_t target : {uint64_t{3}, uint64_t{0}, uint64_t{1} << 32 | 2}) {
        header.dst_cid = target;
        EXPECT_EQ(answers(header), reset);
    }
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

TEST_F(HostileGuest, PacketsOfNoStream) {
    for (uint16_t op = 2; op < 12; ++op) EXPECT_EQ(answers(packet(op)), op == VIRTIO_VSOCK_OP_RST ? nothing : reset) << op;
}

TEST_F(HostileGuest, OperationsThatDoNotBelong) {
    for (const int op : {int{VIRTIO_VSOCK_OP_INVALID}, int{VIRTIO_VSOCK_OP_REQUEST}, int{VIRTIO_VSOCK_OP_RESPONSE}, 99}) {
        const UniqueFd host = connect();
        EXPECT_EQ(answers(packet(static_cast<uint16_t>(op))), reset) << op;
        EXPECT_TRUE(has_ended(host));
    }
}

TEST_F(HostileGuest, BytesAfterTheEndOfThem) {
    const UniqueFd host = connect();
    Header header = packet(VIRTIO_VSOCK_OP_SHUTDOWN);
    header.flags = VIRTIO_VSOCK_SHUTDOWN_SEND;
    EXPECT_EQ(answers(header), nothing);
    EXPECT_EQ(answers(packet(VIRTIO_VSOCK_OP_RW, 1), 1), reset);
}

TEST_F(HostileGuest, UnknownFlags) {
    const UniqueFd host = connect();
    Header header = packet(VIRTIO_VSOCK_OP_SHUTDOWN);
    header.flags = 0xfffffffc;
    EXPECT_EQ(answers(header), nothing);
    EXPECT_FALSE(has_ended(host));
}

TEST_F(HostileGuest, AnswerToAQuestionThatNobodyAsked) {
    const UniqueFd host = greet();
    for (int i = 0; i < 2; ++i) guest.guest.settle();  // it is let in, and heard
    const auto packets = guest.take_packets();
    ASSERT_EQ(packets.size(), 1U);
    Header request;
    std::memcpy(&request, packets[0].data(), sizeof request);
    Header header = packet(VIRTIO_VSOCK_OP_RW, 4);
    header.src_port = port_number;
    header.dst_port = request.src_port;
    EXPECT_EQ(answers(header, 4), reset);
    EXPECT_TRUE(has_ended(host));
}

// The guest takes no packets, and makes the device want to send some: it is not listened to any more before long, and then it is again.
TEST_F(HostileGuest, NoBuffersForAnswers) {
    guest.guest.reset();
    guest.bring_up(false);
    size_t sent = 0;
    for (int quiet = 0; quiet < 4 && sent < 10'000; ++quiet) {
        guest.guest.settle();
        while (const auto done = guest.guest.queue(virtio::vsock::transmit_queue)->take()) {
            guest.free_segments.push_back(*static_cast<virtio::Segment*>(done->token));
            quiet = 0;
        }
        while (!guest.free_segments.empty()) {
            guest.send_header(packet(VIRTIO_VSOCK_OP_RW));
            ++sent;
        }
    }
    EXPECT_LT(sent, 1000U);
    guest.offer_all();
    size_t answered = 0;
    for (int i = 0; i < 100; ++i) answered += settle().size();
    EXPECT_EQ(answered, sent);
}

TEST_F(HostileGuest, BufferThatIsTooSmall) {
    guest.guest.reset();
    guest.bring_up(false);
    const virtio::Segment small = guest.guest.heap.segment(sizeof(Header));
    guest.guest.send(virtio::vsock::receive_queue, {}, {&small, 1});
    guest.send_header(packet(VIRTIO_VSOCK_OP_RW));
    guest.guest.settle();
    EXPECT_NE(guest.guest.get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET, 0U);
}

}  // namespace
}  // namespace eremite::test

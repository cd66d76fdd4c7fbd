#include "driver.hpp"

namespace eremite::test {
namespace {

using vmm::UniqueFd;

struct Vsock : VsockTest {
    VsockGuest guest{path};
    TestMachine& machine = guest.machine;

    Vsock() { guest.bring_up(); }
    struct Both {
        UniqueFd host;
        Stream* stream = nullptr;
    };
    Both connect_from_host() {
        Port& port = machine.listen(port_number);
        Both both{greet(), nullptr};
        guest.run();
        both.stream = machine.accept(port);
        EXPECT_TRUE(hear(both.host).starts_with("OK "));
        return both;
    }
    Both connect_from_guest() {
        const UniqueFd listener = listen_unix(path + "_77");
        Both both{{}, &machine.connect({VMADDR_CID_HOST, 77})};
        guest.run();
        both.host = UniqueFd{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        EXPECT_EQ(both.stream->state, State::Established);
        return both;
    }
};

std::string sample(size_t size) {
    std::string text(size, '\0');
    uint32_t value = 1;
    for (char& byte : text) byte = static_cast<char>((value = value * 1664525 + 1013904223) >> 24);
    return text;
}

TEST_F(Vsock, WhoItIs) {
    EXPECT_EQ(guest.guest.get(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_VSOCK});
    EXPECT_EQ(guest.guest.configuration<uint64_t>(0), 3U);
}

TEST_F(Vsock, HostConnects) {
    Port& port = machine.listen(port_number);
    const UniqueFd host = greet();
    guest.run();
    Stream* const stream = machine.accept(port);
    ASSERT_TRUE(stream);
    EXPECT_EQ(stream->peer.cid, uint32_t{VMADDR_CID_HOST});
    EXPECT_EQ(hear(host), "OK " + std::to_string(stream->peer.port) + "\n");
    say(host, "to the guest");
    machine.send(*stream, "to the host");
    guest.run();
    EXPECT_EQ(machine.read(*stream), "to the guest");
    EXPECT_EQ(hear(host), "to the host");
}

TEST_F(Vsock, WhatIsWrittenBeforeTheAnswer) {
    Port& port = machine.listen(port_number);
    const UniqueFd host = connect_unix(path);
    say(host, "CONN");
    guest.run();
    say(host, "ECT 1024\r\nand at once this");
    guest.run();
    Stream* const stream = machine.accept(port);
    ASSERT_TRUE(stream);
    EXPECT_EQ(machine.read(*stream), "and at once this");
}

TEST_F(Vsock, NobodyListensInTheGuest) {
    const UniqueFd host = greet(9);
    guest.run();
    EXPECT_TRUE(has_ended(host));
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

TEST_F(Vsock, WrongGreetings) {
    (void)machine.listen(port_number);
    for (const char* text : {"HELLO 1024\n", "CONNECT\n", "CONNECT \n", "CONNECT x\n", "CONNECT 1024 \n", "CONNECT -1\n", "CONNECT 4294967296\n", "connect 1024\n",
                             "CONNECT 000000000000000000000000000000001024\n", "\n"}) {
        const UniqueFd host = connect_unix(path);
        say(host, text);
        guest.run();
        EXPECT_TRUE(has_ended(host)) << text;
    }
    EXPECT_EQ(machine.ports.front()->waiting_count, 0U);
    const UniqueFd silent = connect_unix(path);
    guest.run();
    EXPECT_FALSE(has_ended(silent));
}

TEST_F(Vsock, GuestConnects) {
    const Both both = connect_from_guest();
    machine.send(*both.stream, "question");
    guest.run();
    EXPECT_EQ(hear(both.host), "question");
    say(both.host, "answer");
    guest.run();
    EXPECT_EQ(machine.read(*both.stream), "answer");
}

TEST_F(Vsock, NobodyListensOnTheHost) {
    Stream& stream = machine.connect({VMADDR_CID_HOST, 99});
    guest.run();
    EXPECT_EQ(stream.error, ECONNRESET);
}

TEST_F(Vsock, NoSuchMachine) {
    Stream& stream = machine.connect({17, 99});
    guest.run();
    EXPECT_EQ(stream.error, ECONNRESET);
}

// The guest can send as much as the device keeps, and no more; the host gets all of it.
TEST_F(Vsock, HostThatDoesNotRead) {
    const Both both = connect_from_host();
    const std::string text = sample(2'000'000);
    std::string got;
    size_t sent = 0, most_ahead = 0;
    while (got.size() < text.size()) {
        // As long as there is room.
        for (size_t piece; (piece = std::min<size_t>({text.size() - sent, 60'000, Endpoint::room(*both.stream)})) != 0; guest.run()) {
            ASSERT_EQ(machine.send(*both.stream, std::string_view{text}.substr(sent, piece)), "");
            sent += piece;
        }
        most_ahead = std::max(most_ahead, sent - got.size());
        const std::string part = hear(both.host);
        ASSERT_FALSE(part.empty()) << "it stands still at " << got.size();
        got += part;
        guest.run();
    }
    EXPECT_EQ(got, text);
    EXPECT_LT(most_ahead, 1'000'000U);
}

TEST_F(Vsock, GuestThatDoesNotRead) {
    const Both both = connect_from_host();
    const std::string text = sample(1'000'000);
    std::string got;
    for (size_t sent = 0; got.size() < text.size();) {
        for (ssize_t count; sent < text.size() && (count = ::send(both.host.get(), text.data() + sent, text.size() - sent, MSG_DONTWAIT)) > 0; guest.run())
            sent += static_cast<size_t>(count);
        EXPECT_LE(both.stream->incoming.size(), 65536U);
        const std::string part = machine.read(*both.stream);
        ASSERT_FALSE(part.empty()) << "it stands still at " << got.size();
        got += part;
        guest.run();
    }
    EXPECT_EQ(got, text);
}

TEST_F(Vsock, HostEndsItsOutput) {
    const Both both = connect_from_host();
    say(both.host, "request");
    ::shutdown(both.host.get(), SHUT_WR);
    guest.run();
    EXPECT_EQ(machine.read(*both.stream), "request");
    EXPECT_TRUE(both.stream->at_end());
    EXPECT_EQ(both.stream->state, State::Established);
    machine.send(*both.stream, "answer");
    guest.run();
    EXPECT_EQ(hear(both.host), "answer");
}

TEST_F(Vsock, GuestEndsItsOutput) {
    const Both both = connect_from_guest();
    machine.send(*both.stream, "request");
    machine.endpoint.shutdown(*both.stream, socket::vsock::no_send);
    guest.run();
    bool ended = false;
    EXPECT_EQ(hear(both.host, &ended), "request");
    EXPECT_TRUE(ended);
    say(both.host, "answer");
    guest.run();
    EXPECT_EQ(machine.read(*both.stream), "answer");
}

TEST_F(Vsock, HostThatGoes) {
    Both both = connect_from_host();
    say(both.host, "last words");
    both.host.reset();
    guest.run();
    EXPECT_EQ(both.stream->state, State::Ended);
    EXPECT_EQ(machine.read(*both.stream), "last words");
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

TEST_F(Vsock, HostThatGoesBeforeTheAnswer) {
    Port& port = machine.listen(port_number);
    UniqueFd host = greet();
    for (int i = 0; i < 2; ++i) guest.guest.settle();  // it is let in, and heard
    host.reset();
    guest.run();
    Stream* const stream = machine.accept(port);
    ASSERT_TRUE(stream);
    EXPECT_EQ(stream->state, State::Ended);
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

TEST_F(Vsock, HostThatGoesWithBytesUnread) {
    Both both = connect_from_host();
    machine.send(*both.stream, std::string(60'000, 'x'));
    guest.run();
    both.host.reset();
    machine.send(*both.stream, "more");
    guest.run();
    EXPECT_EQ(both.stream->state, State::Ended);
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

TEST_F(Vsock, GuestCloses) {
    const Both both = connect_from_host();
    machine.send(*both.stream, "last words");
    machine.close(*both.stream);
    guest.run();
    bool ended = false;
    EXPECT_EQ(hear(both.host, &ended), "last words");
    EXPECT_TRUE(ended);
    EXPECT_EQ(machine.endpoint.undelivered(), 0U) << "the answer has come";
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

// The guest hears that the stream is at its end when the host has everything.
TEST_F(Vsock, GuestClosesBeforeTheHostReads) {
    const Both both = connect_from_host();
    size_t sent = 0;
    for (uint32_t room; (room = std::min<uint32_t>(Endpoint::room(*both.stream), 60'000)) != 0; guest.run()) {
        machine.send(*both.stream, std::string(room, 'x'));
        sent += room;
    }
    machine.close(*both.stream);
    guest.run();
    EXPECT_NE(machine.endpoint.undelivered(), 0U);
    std::string got;
    bool ended = false;
    while (!ended) {
        got += hear(both.host, &ended);
        guest.run();
    }
    EXPECT_EQ(got.size(), sent);
    EXPECT_EQ(machine.endpoint.undelivered(), 0U);
}

// A guest that does not wait any longer loses nothing either.
TEST_F(Vsock, GuestThatGivesUpOnASlowHost) {
    const Both both = connect_from_host();
    size_t sent = 0;
    for (uint32_t room; (room = std::min<uint32_t>(Endpoint::room(*both.stream), 60'000)) != 0; guest.run()) {
        machine.send(*both.stream, std::string(room, 'x'));
        sent += room;
    }
    machine.close(*both.stream);
    (void)machine.endpoint.expire(machine.now + Endpoint::close_timeout);
    guest.run();
    EXPECT_EQ(machine.endpoint.undelivered(), 0U);
    EXPECT_EQ(guest.device->connection_count(), 1U);
    std::string got;
    bool ended = false;
    while (!ended) {
        got += hear(both.host, &ended);
        guest.run();
    }
    EXPECT_EQ(got.size(), sent);
    EXPECT_EQ(guest.device->connection_count(), 0U);
}

TEST_F(Vsock, ManyAtOnce) {
    constexpr size_t count = 100;
    Port& port = machine.listen(port_number, count);
    std::vector<UniqueFd> hosts;
    for (size_t i = 0; i < count; ++i) {
        hosts.push_back(greet());
        guest.run();
    }
    std::map<uint32_t, Stream*> streams;
    while (Stream* const stream = machine.accept(port)) streams[stream->peer.port] = stream;
    ASSERT_EQ(streams.size(), count) << "each has a number of its own";
    for (size_t i = 0; i < count; ++i) {
        const std::string answer = hear(hosts[i]);
        Stream* const stream = streams[static_cast<uint32_t>(std::stoul(answer.substr(3)))];
        ASSERT_TRUE(stream);
        const std::string text = "number " + std::to_string(i);
        say(hosts[i], text);
        machine.send(*stream, text);
        guest.run();
        EXPECT_EQ(machine.read(*stream), text);
        EXPECT_EQ(hear(hosts[i]), text);
    }
}

TEST_F(Vsock, ResetByTheDriver) {
    const Both both = connect_from_host();
    const UniqueFd silent = connect_unix(path);
    guest.run();
    guest.guest.reset();
    machine.endpoint.reset_all();
    EXPECT_TRUE(has_ended(both.host));
    EXPECT_TRUE(has_ended(silent));
    EXPECT_EQ(guest.device->connection_count(), 0U);
    // Who comes now waits until there is a driver again.
    const UniqueFd early = greet();
    guest.bring_up();
    guest.run();
    EXPECT_TRUE(hear(early).starts_with("OK "));
}

// As after a restore.
TEST_F(Vsock, StreamsAreLostWithTheMachine) {
    const Both both = connect_from_host();
    guest.machine.endpoint.reset_all();
    guest.guest.reset();
    guest.bring_up();
    const virtio::Segment event = guest.guest.heap.segment(sizeof(virtio_vsock_event));
    {
        const std::lock_guard guard{guest.guest.transport().host().lock()};
        vmm::StateWriter written;
        guest.device->save(written);
        vmm::StateReader state{written.bytes()};
        guest.device->restore(state);
    }
    guest.guest.heap.put(event, virtio_vsock_event{.id = 77});
    EXPECT_EQ(guest.guest.call(virtio::vsock::event_queue, {}, {&event, 1}), sizeof(virtio_vsock_event));
    EXPECT_EQ(guest.guest.heap.text(event), std::string(sizeof(virtio_vsock_event), '\0')) << "VIRTIO_VSOCK_EVENT_TRANSPORT_RESET";
    const virtio::Segment next = guest.guest.heap.segment(sizeof(virtio_vsock_event));
    guest.guest.send(virtio::vsock::event_queue, {}, {&next, 1});
    guest.run();
    EXPECT_FALSE(guest.guest.queue(virtio::vsock::event_queue)->take()) << "once";
    const UniqueFd later = greet();
    guest.run();
    EXPECT_TRUE(hear(later).starts_with("OK ")) << "who listened still does";
}

struct FewConnections : VsockTest {
    VsockGuest guest{path, {.cid = 5, .most_connections = 2}};
};

TEST_F(FewConnections, OthersWait) {
    guest.bring_up();
    (void)guest.machine.listen(port_number);
    UniqueFd first = greet(), second = greet();
    const UniqueFd third = greet();
    guest.run();
    EXPECT_TRUE(hear(first).starts_with("OK "));
    EXPECT_TRUE(hear(second).starts_with("OK "));
    bool ended = true;
    EXPECT_EQ(hear(third, &ended), "");
    EXPECT_FALSE(ended);
    const UniqueFd listener = listen_unix(path + "_77");
    Stream& refused = guest.machine.connect({VMADDR_CID_HOST, 77});
    guest.run();
    EXPECT_EQ(refused.error, ECONNRESET);
    first.reset();
    guest.run();
    EXPECT_TRUE(hear(third).starts_with("OK "));
}

}  // namespace
}  // namespace eremite::test

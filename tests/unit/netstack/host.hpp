#pragma once
// A host of the simulated network: memory, a stack, and one network interface whose other end the test holds.
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "netstack/stack.hpp"
#include "tests/random.hpp"

namespace eremite::test {

using Bytes = std::vector<uint8_t>;

// The memory of a packet pool.
class PoolMemory {
public:
    PoolMemory(size_t fragments, size_t small, size_t large) : memory_{allocate(bytes_of(fragments, small, large))} {
        std::byte* at = memory_.get();
        const size_t a = fragments * sizeof(net::Fragment), b = small * 2048, c = large * 16384;
        pool.add_fragments({at, a});
        pool.add_small({at + a, b});
        pool.add_large({at + a + b, c});
    }
    net::PacketPool pool{};

private:
    struct Free {
        void operator()(std::byte* p) const { std::free(p); }
    };
    static size_t bytes_of(size_t fragments, size_t small, size_t large) {
        return fragments * sizeof(net::Fragment) + small * 2048 + large * 16384;
    }
    static std::byte* allocate(size_t size) { return static_cast<std::byte*>(std::aligned_alloc(64, size)); }
    std::unique_ptr<std::byte, Free> memory_;
};

inline Bytes bytes_of(const net::Packet& packet) {
    Bytes bytes(packet.length());
    packet.copy_to(0, bytes);
    return bytes;
}

// What is sent goes to a function; nothing else happens.
class TestDevice : public net::Device {
public:
    explicit TestDevice(const net::Capabilities& c) : Device{c} {}
    [[nodiscard]] bool transmit(net::Packet& packet) override {
        if (full) return false;
        net::Packet taken = std::move(packet);
        if (sent) sent(bytes_of(taken), taken.offload());
        return true;
    }
    net::Capabilities& change() { return capabilities_; }
    std::function<void(Bytes, const net::Offload&)> sent;
    bool full = false;
};

struct HostOptions {
    net::Capabilities capabilities{};
    net::TcpConfiguration tcp{};
    net::Capture* capture = nullptr;
    size_t fragments = 8192, small_buffers = 2048, large_buffers = 512;
};

class Host {
public:
    explicit Host(uint8_t number, const HostOptions& options = {})
        : memory{options.fragments, options.small_buffers, options.large_buffers}, device{with_mac(options.capabilities, number)},
          stack{memory.pool, {{uint64_t{0x0123'4567'89ab'cdef} + number, 0xfedc'ba98'7654'3210}, options.tcp, options.capture}} {
        if (!stack.start().ok()) std::abort();
        auto added = stack.add_interface(device);
        if (!added.ok()) std::abort();
        interface = added.value();
    }
    void receive(const Bytes& frame, const net::Offload& offload = {}) {
        net::Packet packet = memory.pool.allocate_data(static_cast<uint32_t>(frame.size()));
        if (!packet || !packet.append_copy(frame)) return;
        packet.offload() = offload;
        stack.receive(*interface, std::move(packet));
    }
    [[nodiscard]] static net::MacAddress mac(uint8_t number) { return {{2, 0, 0, 0, 0, number}}; }

    PoolMemory memory;
    TestDevice device;
    net::Stack stack;
    net::Interface* interface = nullptr;

private:
    static net::Capabilities with_mac(net::Capabilities c, uint8_t number) {
        if (c.mac.is_zero()) c.mac = mac(number);
        return c;
    }
};

class Source final : public net::ByteSource {
public:
    explicit Source(std::span<const uint8_t> bytes) : left_{bytes} {}
    Result<void> read(std::span<uint8_t> to) override {
        std::copy_n(left_.begin(), to.size(), to.begin());
        left_ = left_.subspan(to.size());
        return {};
    }

private:
    std::span<const uint8_t> left_;
};

class Sink final : public net::ByteSink {
public:
    Result<void> write(std::span<const uint8_t> from) override {
        bytes.insert(bytes.end(), from.begin(), from.end());
        return {};
    }
    Bytes bytes{};
};

class Events final : public net::Observer {
public:
    void notify(uint32_t events) override {
        seen |= events;
        ++count;
    }
    uint32_t take() { return std::exchange(seen, 0); }
    uint32_t seen = 0;
    int count = 0;
};

}  // namespace eremite::test

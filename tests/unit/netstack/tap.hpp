#pragma once
// A TAP interface in a network namespace of the test's own: Linux at one end, the stack at the other.
#include <net/if.h>

#include <string>

#include "tests/unit/netstack/host.hpp"

namespace eremite::test {

struct TapOptions {
    bool offloads = false;     // checksums and segmentation, both ways
    uint16_t mtu = 1500;
    unsigned loss = 0;         // of a thousand packets, each way
    uint64_t seed = 1;
};

class TapDevice final : public net::Device {
public:
    // Null, and why, where it cannot be.
    static std::unique_ptr<TapDevice> open(const TapOptions& options, std::string& why);
    ~TapDevice();
    [[nodiscard]] bool transmit(net::Packet& packet) override;
    // Hands over all that is there; returns how many.
    size_t receive(net::Stack& stack, net::Interface& interface);
    [[nodiscard]] int descriptor() const { return fd_; }

    static constexpr const char* linux_v4 = "10.9.8.1";
    static constexpr const char* linux_v6 = "fd09::1";
    static net::IpAddress own_v4() { return net::Ipv4Address::of(10, 9, 8, 2); }
    static net::IpAddress own_v6() { return net::IpAddress::v6({0xfd09, 0, 0, 0, 0, 0, 0, 2}); }

private:
    TapDevice(int fd, const net::Capabilities& capabilities, const TapOptions& options)
        : Device{capabilities}, fd_{fd}, options_{options}, random_{options.seed}, buffer_(70'000) {}
    int fd_;
    TapOptions options_;
    Random random_;
    Bytes buffer_;
};

// The clock of the host.
Instant host_now();

}  // namespace eremite::test

#pragma once
// DHCPv4 client (RFC 2131 section 4.4): gets an address for an interface, keeps it as long as the server lets it, and gives it up
// when the lease ends.
#include "netstack/iface/interface.hpp"
#include "netstack/observer.hpp"
#include "netstack/udp/udp.hpp"
#include "netstack/wire/dhcp.hpp"

namespace eremite::net {

// What a lease brought beside address and route, which the client sets itself.
struct DhcpLease {
    Ipv4Address address{}, router{}, server{};
    uint8_t prefix_length = 0;
    std::array<Ipv4Address, 3> dns{};
    uint8_t dns_count = 0;
    std::array<char, 64> host_name{};  // ends with a zero; empty: none
    std::array<char, 64> domain{};
};

class DhcpClient final : private Timer, private Observer {
public:
    // `changed` hears of each new lease and of the loss of one. The interface outlives the client.
    DhcpClient(Interface& interface, Observer* changed);
    ~DhcpClient();
    DhcpClient(const DhcpClient&) = delete;
    DhcpClient& operator=(const DhcpClient&) = delete;

    // EADDRINUSE: another client is there.
    [[nodiscard]] Result<void> start(std::span<const uint8_t> host_name = {});
    // Asks anew, as one that has no address: the one that it had may be another machine's.
    void start_again();
    // Stops without a word.
    void abandon();
    // Gives the address back, and stops.
    void stop();
    [[nodiscard]] bool bound() const { return state_ >= State::Bound; }
    [[nodiscard]] const DhcpLease& lease() const { return lease_; }

private:
    enum class State : uint8_t { Stopped, Selecting, Requesting, Bound, Renewing, Rebinding };
    void notify(uint32_t events) override;
    void work();
    void receive();
    void begin();
    void send(DhcpType type);
    void ask_again();
    void accept(const DhcpAnswer& answer);
    void lose();
    void timeout();

    Interface& interface_;
    Observer* changed_;
    UdpSocket socket_;
    State state_ = State::Stopped;
    uint32_t transaction_ = 0;
    uint8_t attempts_ = 0;
    Instant started_{}, deadline_ = Instant::never();
    Instant renew_at_{}, rebind_at_{}, ends_at_{};
    Ipv4Address offered_{}, server_{};
    DhcpLease lease_{};
    std::array<uint8_t, 64> host_name_{};
    uint8_t host_name_length_ = 0;
};

}  // namespace eremite::net

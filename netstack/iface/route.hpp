#pragma once
// Routes: by which interface and over which gateway an address is reached. The longest prefix wins, then the lower metric.
#include <array>
#include <span>

#include "base/result.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net {

class Interface;

struct Route {
    IpAddress prefix{};
    uint8_t length = 0;  // in bits of the mapped address: IPv4 lengths are 96 more
    IpAddress gateway{};  // unspecified: on the link
    IpAddress source{};   // preferred; unspecified: any of the interface
    Interface* interface = nullptr;
    uint32_t metric = 0;
    bool operator==(const Route&) const = default;
};

class RouteTable {
public:
    static constexpr size_t most_routes = 64;

    // EEXIST: it is there; ENOBUFS: the table is full.
    [[nodiscard]] Result<void> add(const Route& route);
    // ESRCH: there is none of this prefix, gateway and interface.
    [[nodiscard]] Result<void> remove(const Route& route);
    void remove_interface(const Interface& interface);
    // `only`: the interface that the route must be of, or null.
    [[nodiscard]] const Route* find(const IpAddress& destination, const Interface* only = nullptr) const;
    [[nodiscard]] std::span<const Route> routes() const { return {routes_.data(), count_}; }

private:
    void erase(size_t index);
    // The longest prefixes first.
    std::array<Route, most_routes> routes_{};
    size_t count_ = 0;
};

}  // namespace eremite::net

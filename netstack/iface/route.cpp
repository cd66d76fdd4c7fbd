#include "netstack/iface/route.hpp"

#include <algorithm>

namespace eremite::net {

namespace {
bool goes_before(const Route& a, const Route& b) { return a.length != b.length ? a.length > b.length : a.metric < b.metric; }
}  // namespace

Result<void> RouteTable::add(const Route& route) {
    for (const Route& r : routes())
        if (r.prefix == route.prefix && r.length == route.length && r.gateway == route.gateway && r.interface == route.interface)
            return Error{EEXIST};
    if (count_ == most_routes) return Error{ENOBUFS};
    size_t at = count_++;
    for (; at > 0 && goes_before(route, routes_[at - 1]); --at) routes_[at] = routes_[at - 1];
    routes_[at] = route;
    return {};
}

Result<void> RouteTable::remove(const Route& route) {
    for (size_t i = 0; i < count_; ++i) {
        const Route& r = routes_[i];
        if (r.prefix != route.prefix || r.length != route.length || r.gateway != route.gateway || r.interface != route.interface) continue;
        erase(i);
        return {};
    }
    return Error{ESRCH};
}

void RouteTable::remove_interface(const Interface& interface) {
    for (size_t i = count_; i-- > 0;)
        if (routes_[i].interface == &interface) erase(i);
}

void RouteTable::erase(size_t index) {
    std::move(routes_.begin() + static_cast<ptrdiff_t>(index) + 1, routes_.begin() + static_cast<ptrdiff_t>(count_),
              routes_.begin() + static_cast<ptrdiff_t>(index));
    --count_;
}

const Route* RouteTable::find(const IpAddress& destination, const Interface* only) const {
    for (const Route& r : routes())
        if ((!only || r.interface == only) && destination.matches(r.prefix, r.length)) return &r;
    return nullptr;
}

}  // namespace eremite::net

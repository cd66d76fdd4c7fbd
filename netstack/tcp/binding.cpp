// Ports: who holds one, and which are free.
#include "netstack/tcp/binding.hpp"

#include "netstack/stack.hpp"

namespace eremite::net {

using tcp::Binding;
using tcp::FlowKind;
using tcp::Sharing;

bool TcpLayer::is_held(uint16_t port) const {
    for (const Binding& other : bound_[port % listener_buckets])
        if (other.local_.port == port) return true;
    return false;
}

bool TcpLayer::can_bind(const Endpoint& local, const Sharing& sharing) {
    for (const Binding& other : bound_[local.port % listener_buckets]) {
        if (other.local_.port != local.port) continue;
        if ((other.sharing_.reuse_port && sharing.reuse_port) || (other.sharing_.reuse_address && sharing.reuse_address)) continue;
        if (addresses_overlap(other.local_.address, other.sharing_.v6_only, local.address, sharing.v6_only)) return false;
    }
    // Nobody joins one who listens without the leave of both.
    if (!can_listen(local, sharing.reuse_port, sharing.v6_only)) return false;
    // What is left of connections, TIME-WAIT included, keeps those away who did not say SO_REUSEADDR.
    return sharing.reuse_address || sharing.reuse_port || !has_flows_at(local, sharing.v6_only);
}

bool TcpLayer::has_flows_at(const Endpoint& local, bool v6_only) const {
    bool found = false;
    table_.for_each([&](const tcp::FlowEntry& flow) {
        if (flow.key.local.port == local.port && addresses_overlap(flow.key.local.address, false, local.address, v6_only)) found = true;
    });
    return found;
}

Result<void> TcpLayer::bind(Binding& binding, const Endpoint& local, const Sharing& sharing) {
    if (binding.held()) return Error{EINVAL};
    if (!local.address.is_unspecified() && !stack_.is_own(local.address)) return Error{EADDRNOTAVAIL};
    Endpoint at = local;
    if (local.port == 0) {
        // A port of one's own, not one that could be shared.
        at.port = stack_.any_port([&](uint16_t port) { return can_bind({local.address, port}, {.v6_only = sharing.v6_only}); });
        if (at.port == 0) return Error{EADDRINUSE};
    } else if (!can_bind(at, sharing)) {
        return Error{EADDRINUSE};
    }
    binding.local_ = at;
    binding.sharing_ = sharing;
    bound_[at.port % listener_buckets].push_back(binding);
    return {};
}

}  // namespace eremite::net

// The end of the network: what was sent last reaches others, though the machine ends.
#include <utility>

#include "libos/network/network.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::network {

namespace {

// After so long without progress, and in all, nothing more is waited for.
constexpr Duration patience = Duration::seconds(2), longest = Duration::seconds(10), step = Duration::milliseconds(1);

}  // namespace

uint64_t Shard::undelivered() {
    uint64_t count = 0;
    stack_.tcp().for_each_connection([&count](const net::tcp::Connection& connection) {
        using net::tcp::State;
        const State state = connection.state();
        const bool ends = state == State::FinWait1 || state == State::Closing || state == State::LastAck;
        // Both ends of one in the machine go together.
        if (ends && connection.key.local.address != connection.key.remote.address) count += connection.unacknowledged_bytes() + 1;
    });
    for (const Port& port : ports_)
        if (port.nic) count += port.interface->neighbours().pending() + (port.nic->sending() ? 1 : 0);
    return count;
}

uint64_t Network::undelivered() {
    uint64_t count = 0;
    for_each([&count](Shard& shard) {
        const ShardGuard guard{shard};
        count += shard.undelivered();
    });
    return count;
}

void Network::finish() {
    for_each([](Shard& shard) {
        const ShardGuard guard{shard};
        shard.stack().tcp().end_streams();
    });
    sched::WaitQueue nobody;
    sync::Spinlock lock{sync::Rank::NetworkInbox};
    const Instant began = platform::monotonic_now();
    uint64_t left = undelivered();
    for (Instant now = began, progress = began; left != 0 && now - progress < patience && now - began < longest; now = platform::monotonic_now()) {
        {
            const sync::Guard guard{lock};
            (void)nobody.wait_uninterruptibly(lock, now + step);
        }
        if (const uint64_t before = std::exchange(left, undelivered()); left < before) progress = now;
    }
}

}  // namespace eremite::network

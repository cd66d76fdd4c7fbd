#include "libos/socket/inet/tcp_listeners.hpp"

#include <poll.h>

namespace eremite::socket {

TcpListeners::TcpListeners(const InetSocket& socket, network::Network& network, fs::ReadinessSource& source)
    : socket_{socket}, network_{network}, source_{source} {
    for (uint32_t i = 0; i < entries_.size(); ++i) {
        entries_[i].owner = this;
        entries_[i].shard = i;
    }
}

template <typename Function>
void TcpListeners::for_each(network::ShardGuard& guard, Function function) {
    for (uint32_t i = 0; i < network_.count(); ++i) {
        guard.move_to(network_.shard(i));
        if (net::tcp::Listener* const listener = entries_[i].listener) function(*listener, entries_[i]);
    }
}

net::tcp::Settings TcpListeners::with_interface(net::tcp::Settings settings, const network::Shard& shard, uint32_t interface) {
    settings.interface = shard.stack().interface(interface);
    return settings;
}

Result<void> TcpListeners::start(network::ShardGuard& guard, const net::Endpoint& local, uint32_t backlog, const net::tcp::Settings& settings,
                                 uint32_t interface) {
    for (uint32_t i = 0; i < network_.count(); ++i) {
        network::Shard& shard = network_.shard(i);
        guard.move_to(shard);
        const auto listener = shard.stack().tcp().listen(local, backlog, with_interface(settings, shard, interface), &entries_[i]);
        if (!listener.ok()) {
            stop(guard);
            return listener.error();
        }
        entries_[i].listener = listener.value();
    }
    active_ = true;
    return {};
}

void TcpListeners::stop(network::ShardGuard& guard) {
    active_ = false;
    for_each(guard, [&guard](net::tcp::Listener& listener, Entry& entry) {
        guard.shard().stack().tcp().close(listener);
        entry.listener = nullptr;
    });
    const sync::Guard wake{lock_};
    ready_ = 0;
    ++notifications_;
    waiting_.wake_all();
}

void TcpListeners::change(network::ShardGuard& guard, const net::tcp::Settings& settings, uint32_t interface) {
    for_each(guard, [&](net::tcp::Listener& listener, Entry&) { listener.settings = with_interface(settings, guard.shard(), interface); });
}

void TcpListeners::set_backlog(network::ShardGuard& guard, uint32_t backlog) {
    for_each(guard, [backlog](net::tcp::Listener& listener, Entry&) { listener.set_backlog(backlog); });
}

void TcpListeners::note(uint32_t shard) {
    {
        const sync::Guard guard{lock_};
        ready_ |= uint32_t{1} << shard;
        ++notifications_;
        waiting_.wake_all();
    }
    source_.notify(POLLIN | POLLRDNORM);
}

bool TcpListeners::readable() {
    const sync::Guard guard{lock_};
    return ready_ != 0;
}

net::tcp::Connection* TcpListeners::accept(network::ShardGuard& guard) {
    const uint32_t count = network_.count(), first = network_.here().stack().shard().index;
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t index = (first + i) % count;
        const uint32_t bit = uint32_t{1} << index;
        {
            const sync::Guard look{lock_};
            if ((ready_ & bit) == 0) continue;
        }
        guard.move_to(network_.shard(index));
        net::tcp::Listener* const listener = entries_[index].listener;
        net::tcp::Connection* const connection = listener ? listener->accept() : nullptr;
        if (!listener || !listener->readable()) {
            const sync::Guard clear{lock_};
            ready_ &= ~bit;
        }
        if (connection) return connection;
    }
    return nullptr;
}

sched::Wakeup TcpListeners::wait(uint32_t seen, Instant deadline) {
    const sync::Guard guard{lock_};
    return notifications_ != seen ? sched::Wakeup::Woken : waiting_.wait(lock_, deadline);
}

}  // namespace eremite::socket

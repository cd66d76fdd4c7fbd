#pragma once
// The network of the machine: one shard, or one for each CPU where all network cards have as many pairs of queues.
#include "libos/network/shard.hpp"

namespace eremite::network {

class Network {
public:
    // The shards that this machine could have with network cards of so many pairs.
    [[nodiscard]] static uint32_t shards_for(size_t most_pairs);
    // Packets get an eighth of the machine's memory at most. `capture` sees them all. ENOMEM.
    [[nodiscard]] static Result<void> start(uint32_t shards = 1, net::Capture* capture = nullptr);
    // Null before.
    [[nodiscard]] static Network* running() { return instance_; }

    [[nodiscard]] uint32_t count() const { return count_; }
    [[nodiscard]] Shard& shard(uint32_t index) { return shards_[index]; }
    // The one whose interfaces have the machine's configuration.
    [[nodiscard]] Shard& first() { return shards_[0]; }
    // That of the running CPU. It is a good choice, and no more: the thread may be elsewhere by the time that it is used.
    [[nodiscard]] Shard& here();
    [[nodiscard]] Shard& owner_of(uint16_t port) { return shards_[first().stack().owner_of(port)]; }
    template <typename Function>
    void for_each(Function function) {
        for (uint32_t i = 0; i < count_; ++i) function(shards_[i]);
    }

    // Makes an interface of it, in each shard, without addresses; returns the first one's. Requires: it has as many pairs. ENOMEM, ENOSPC.
    [[nodiscard]] Result<net::Interface*> add(Card& card);
    // Before the machine ends: ends all streams, and waits a few seconds at most until others have what was sent (finish.cpp).
    void finish();
    // Pages for packets, of those that all shards may have together. False: there are not so many.
    [[nodiscard]] bool may_take(uint64_t pages);
    void give_back(uint64_t pages) { pages_left_.fetch_add(pages, std::memory_order_relaxed); }
    // Those of these shards take what was handed over to them. Requires: no shard's lock is held.
    void deliver(uint32_t shards);

private:
    Network(Shard* shards, uint32_t count, uint64_t pages) : shards_{shards}, count_{count}, pages_left_{pages} {}
    [[nodiscard]] uint64_t undelivered();

    static constinit Network* instance_;
    Shard* const shards_;
    const uint32_t count_;
    std::atomic<uint64_t> pages_left_;  // that packets may have
};

inline void ShardGuard::exit() {
    uint32_t gave = 0;
    if (begun_ || shard_->stack_.touched()) {
        if (!begun_) shard_->enter();
        shard_->leave();
        gave = shard_->gave_;
        shard_->gave_ = 0;
    }
    shard_->lock_.unlock();
    if (gave != 0) [[unlikely]] shard_->network().deliver(gave);
}

inline void ShardGuard::pause() {
    shard_->leave();
    while (const uint32_t gave = std::exchange(shard_->gave_, 0)) {
        shard_->lock_.unlock();
        shard_->network().deliver(gave);
        shard_->lock_.lock();
    }
}

}  // namespace eremite::network

#include "libos/network/network.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>

#include "libos/arch/smp.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/random/random.hpp"

namespace eremite::network {

namespace {
constexpr uint64_t packet_share = 8;
}

constinit Network* Network::instance_ = nullptr;

uint32_t Network::shards_for(size_t most_pairs) {
    const auto cpus = size_t{arch::cpu_count()};
    return static_cast<uint32_t>(std::min({cpus, most_pairs, size_t{net::Shard::most}}));
}

Result<void> Network::start(uint32_t shards, net::Capture* capture) {
    net::Configuration configuration{.capture = capture};
    random::fill({reinterpret_cast<uint8_t*>(configuration.secret.data()), sizeof configuration.secret});
    // Never given back once it is used: nobody stops the network.
    void* const memory = ::operator new(shards * sizeof(Shard), std::nothrow);
    const uint64_t pages = mm::page_allocator().available_pages() / packet_share;
    std::unique_ptr<Network> network{new (std::nothrow) Network{static_cast<Shard*>(memory), shards, pages}};
    if (!memory || !network) return Error{ENOMEM};
    for (uint32_t i = 0; i < shards; ++i) {
        configuration.shard = {.index = i, .count = shards};
        new (&network->shard(i)) Shard{*network, configuration};
    }
    // The first one, which configures the others, comes last.
    for (uint32_t i = shards; i-- > 0;) TRY(network->shard(i).start());
    instance_ = network.release();
    return {};
}

Shard& Network::here() { return shards_[count_ == 1 ? 0 : arch::cpu_index() % count_]; }

Result<net::Interface*> Network::add(Card& card) {
    std::array<Card::User, net::Shard::most> users{};
    net::Interface* interface = nullptr;
    for (uint32_t i = 0; i < count_; ++i) {
        users[i] = {&shards_[i].listener(), &shards_[i].pool()};
        const ShardGuard guard{shards_[i]};
        net::Interface* const added = TRY(shards_[i].add(card.pair(i)));
        if (i == 0) interface = added;
    }
    card.start(std::span{users}.first(count_));
    const ShardGuard guard{first()};
    first().stack().settings_changed();
    first().look_at(card.pair(0));
    return interface;
}

bool Network::may_take(uint64_t pages) {
    uint64_t left = pages_left_.load(std::memory_order_relaxed);
    do {
        if (left < pages) return false;
    } while (!pages_left_.compare_exchange_weak(left, left - pages, std::memory_order_relaxed));
    return true;
}

void Network::deliver(uint32_t shards) {
    while (shards != 0) {
        const auto next = static_cast<uint32_t>(std::countr_zero(shards));
        shards &= shards - 1;
        // What this one hands over is delivered at the guard's end.
        const ShardGuard guard{shards_[next]};
        shards_[next].take_in();
    }
}

}  // namespace eremite::network

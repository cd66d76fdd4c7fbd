#include "libos/network/network.hpp"

#include <algorithm>

#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/cpus.hpp"
#include "libos/sched/scheduler.hpp"

namespace eremite::network {

namespace {

// Memory for packets comes in blocks, each for one kind of them, when less than so many are left.
constexpr size_t least_fragments = 512, least_small = 96, least_large = 24;
constexpr unsigned fragments_order = 5, small_order = 6, large_order = 7;  // 128, 256 and 512 KiB

bool has_plenty(const net::PacketPool& pool) {
    return pool.free_fragments() >= least_fragments && pool.free_small() >= least_small && pool.free_large() >= least_large;
}

// Packets of one interface that are taken before others have their turn.
constexpr size_t batch = 64;
constexpr int most_batches = 8;
constexpr size_t flood = 4;  // packets at once
// Of threads, while packets wait.
constexpr Duration longest_turn = Duration::microseconds(200);

}  // namespace

Shard::Clock::Clock(Shard& owner)
    : Timer{[](Timer& timer) {
          // SAFETY: only timers of this class have this function.
          Shard& shard = static_cast<Clock&>(timer).shard;
          const ShardGuard guard{shard};
          shard.clock_set_ = Instant::never();
          shard.serve_all(true);
      }},
      shard{owner} {}

Shard::Rest::Rest(Shard& owner)
    : IdleTask{[](IdleTask& task) {
          // SAFETY: only tasks of this class have this function.
          Shard& shard = static_cast<Rest&>(task).shard;
          const ShardGuard guard{shard};
          shard.serve_all(false);
      }},
      shard{owner} {}

Shard::Shard(Network& network, net::Configuration configuration)
    : network_{network}, stack_{pool_, (configuration.shard.others = configuration.shard.count > 1 ? this : nullptr, configuration)} {}

Result<void> Shard::start() {
    if (!add_memory()) return Error{ENOMEM};
    const ShardGuard guard{*this};
    return stack_.start();
}

std::span<std::byte> Shard::block(unsigned order) {
    const uint64_t pages = uint64_t{1} << order;
    if (!network_.may_take(pages)) return {};
    const auto block = mm::page_allocator().allocate(order);
    if (!block.ok()) {
        network_.give_back(pages);
        return {};
    }
    // SAFETY: the block is ours for good.
    return {direct_map(block.value()).as<std::byte>(), page_size << order};
}

bool Shard::add_memory() {
    while (!has_plenty(pool_)) {
        const bool fragments = pool_.free_fragments() < least_fragments, small = pool_.free_small() < least_small;
        const std::span<std::byte> memory = block(fragments ? fragments_order : small ? small_order : large_order);
        if (memory.empty()) return false;
        if (fragments) pool_.add_fragments(memory);
        else if (small) pool_.add_small(memory);
        else pool_.add_large(memory);
    }
    return true;
}

void Shard::enter() { stack_.advance(platform::monotonic_now()); }

void Shard::leave() {
    stack_.flush();
    while (stack_.take_settings_change()) [[unlikely]] share_settings();
    if (!has_plenty(pool_)) [[unlikely]] (void)add_memory();  // there is what there is
    const Instant next = stack_.next_deadline();
    if (next >= clock_set_) return;
    clock_set_ = next;
    clock_.start(next);
}

// Settings are decided where the first shard is. The others adopt them here, each with its lock behind that one's.
void Shard::share_settings() {
    if (!stack_.is_first()) return;
    for (uint32_t i = 1; i < network_.count(); ++i) {
        Shard& other = network_.shard(i);
        const sync::Guard guard{other.lock_};
        other.enter();
        other.stack_.adopt(stack_);
        other.leave();
        gave_ |= std::exchange(other.gave_, 0);
    }
    constexpr uint32_t us = 1;
    if ((gave_ & us) == 0) return;
    gave_ &= ~us;
    take_in();
    stack_.flush();
}

Result<net::Interface*> Shard::add(Nic& nic) {
    const auto port = std::find_if(ports_.begin(), ports_.end(), [](const Port& p) { return p.nic == nullptr; });
    if (port == ports_.end()) return Error{ENOSPC};
    net::Interface* const interface = TRY(stack_.add_interface(nic));
    *port = {&nic, interface};
    return interface;
}

void Shard::attention(Nic& nic) {
    const ShardGuard guard{*this};
    look_at(nic);
}

void Shard::look_at(Nic& nic) {
    poll_time_ = std::min(sched::adapted_poll_time(poll_time_, stack_.now() - last_packet_), sched::longest_idle_poll());
    for (Port& port : ports_)
        if (port.nic == &nic) serve(port, false);
}

void Shard::serve_all(bool late) {
    for (Port& port : ports_)
        if (port.nic) serve(port, late);
}

void Shard::serve(Port& port, bool late) {
    class Input final : public Nic::Receiver {
    public:
        Input(net::Stack& stack, net::Interface& interface) : stack_{stack}, interface_{interface} {}
        void receive(net::Packet&& packet) override {
            stack_.receive(interface_, std::move(packet));
            ++count_;
        }
        [[nodiscard]] size_t count() const { return count_; }

    private:
        net::Stack& stack_;
        net::Interface& interface_;
        size_t count_ = 0;
    };
    Input input{stack_, *port.interface};
    bool more = true;
    for (int i = 0; i < most_batches && more; ++i) {
        // What was received is of use only if somebody takes it: a flood must not keep threads, or another shard, from what is theirs. What
        // has to wait meanwhile waits in the device, and not in a socket that may have no room.
        if (i != 0 && (gave_ != 0 || !sched::is_idle() || sched::others_are_ready())) break;
        more = port.nic->poll(input, batch);
        if (port.nic->has_room_again()) stack_.device_ready(*port.interface);
        // Answers go out before more is taken in, for which there is memory then.
        stack_.flush();
        if (!has_plenty(pool_)) [[unlikely]] (void)add_memory();
        if (more) continue;
        const Instant now = stack_.now();
        if (input.count() != 0) last_packet_ = now;
        // Without threads the next packet may be near. Threads that have work by what came, or are in a flood, are not interrupted by more of
        // it, unless they had a long turn already and nothing came.
        more = sched::is_idle() ? now - last_packet_ < poll_time_
               : late           ? input.count() != 0
                                : sched::others_are_ready() || input.count() >= flood;
        if (more) break;
        more = port.nic->watch();
    }
    if (const bool up = port.nic->link_up(); stack_.is_first() && up != port.interface->up()) {
        log::info("network: link {}", up ? "up" : "down");
        port.interface->set_link(up);
    }
    if (port.nic->shall_announce()) [[unlikely]] port.interface->announce();
    if (!more) return;
    // Threads have their turn, then it goes on; in the end also beside threads that always have something to do.
    rest_.request();
    const Instant latest = stack_.now() + longest_turn;
    if (latest >= clock_set_) return;
    clock_set_ = latest;
    clock_.start(latest);
}

}  // namespace eremite::network

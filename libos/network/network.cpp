#include "libos/network/network.hpp"

#include <algorithm>
#include <new>

#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/random/random.hpp"
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

constexpr uint64_t packet_share = 8;
// Packets of one interface that are taken before others have their turn.
constexpr size_t batch = 64;
constexpr int most_batches = 8;
constexpr size_t flood = 4;  // packets at once
// Of threads, while packets wait.
constexpr Duration longest_turn = Duration::microseconds(200);

}  // namespace

constinit Network* Network::instance_ = nullptr;

Network::Clock::Clock(Network& owner)
    : Timer{[](Timer& timer) {
          // SAFETY: only timers of this class have this function.
          Network& network = static_cast<Clock&>(timer).network;
          const sync::Guard guard{network.lock_};
          network.clock_set_ = Instant::never();
          network.serve_all(true);
      }},
      network{owner} {}

Network::Rest::Rest(Network& owner)
    : IdleTask{[](IdleTask& task) {
          // SAFETY: only tasks of this class have this function.
          Network& network = static_cast<Rest&>(task).network;
          const sync::Guard guard{network.lock_};
          network.serve_all(false);
      }},
      network{owner} {}

Result<void> Network::start(net::Capture* capture) {
    net::Configuration configuration{.capture = capture};
    random::fill({reinterpret_cast<uint8_t*>(configuration.secret.data()), sizeof configuration.secret});
    auto* const network = new (std::nothrow) Network{mm::page_allocator().available_pages() / packet_share, configuration};
    if (!network) return Error{ENOMEM};
    if (!network->add_memory()) {
        delete network;
        return Error{ENOMEM};
    }
    instance_ = network;
    const NetworkGuard guard{*network};
    return network->stack_.start();
}

std::span<std::byte> Network::block(unsigned order) {
    const uint64_t pages = uint64_t{1} << order;
    if (pages_left_ < pages) return {};
    const auto block = mm::page_allocator().allocate(order);
    if (!block.ok()) return {};
    pages_left_ -= pages;
    // SAFETY: the block is ours for good.
    return {direct_map(block.value()).as<std::byte>(), page_size << order};
}

bool Network::add_memory() {
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

void Network::enter() { stack_.advance(platform::monotonic_now()); }

void Network::leave() {
    stack_.flush();
    if (!has_plenty(pool_)) [[unlikely]] (void)add_memory();  // there is what there is
    const Instant next = stack_.next_deadline();
    if (next >= clock_set_) return;
    clock_set_ = next;
    clock_.start(next);
}

Result<net::Interface*> Network::add(Card& card) {
    TRY(card.make_pairs(1));
    Nic& nic = card.pair(0);
    net::Interface* interface = nullptr;
    {
        const NetworkGuard guard{*this};
        const auto port = std::find_if(ports_.begin(), ports_.end(), [](const Port& p) { return p.nic == nullptr; });
        if (port == ports_.end()) return Error{ENOSPC};
        interface = TRY(stack_.add_interface(nic));
        *port = {&nic, interface};
    }
    const Card::User user{this, &pool_};
    card.start({&user, 1});
    const NetworkGuard guard{*this};
    interface->set_link(nic.link_up());
    return interface;
}

Nic* Network::nic_of(const net::Interface& interface) const {
    for (const Port& port : ports_)
        if (port.interface == &interface) return port.nic;
    return nullptr;
}

void Network::attention(Nic& nic) {
    const NetworkGuard guard{*this};
    poll_time_ = std::min(sched::adapted_poll_time(poll_time_, stack_.now() - last_packet_), sched::longest_idle_poll());
    for (Port& port : ports_)
        if (port.nic == &nic) serve(port, false);
}

void Network::serve_all(bool late) {
    enter();
    for (Port& port : ports_)
        if (port.nic) serve(port, late);
    leave();
}

void Network::serve(Port& port, bool late) {
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
        // What was received is of use only if somebody takes it: a flood must not keep threads from running.
        if (i != 0 && sched::others_are_ready()) break;
        more = port.nic->poll(input, batch);
        if (port.nic->has_room_again()) stack_.device_ready(*port.interface);
        // Answers go out before more is taken in.
        stack_.flush();
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
    if (const bool up = port.nic->link_up(); up != port.interface->up()) {
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

// What one shard has for another: packets that came to the wrong queue, and groups to be joined.
#include <new>

#include "libos/network/network.hpp"

namespace eremite::network {

namespace {
constexpr size_t most_waiting = size_t{1} << 20;  // bytes, for one shard
}

// The bytes of the packet stand behind it.
struct HandedOver : ListNode<> {
    enum class Kind : uint8_t { Packet, Join, Leave };

    // Null: no memory.
    [[nodiscard]] static HandedOver* make(Kind kind, const net::Interface& interface, uint32_t size, const net::IpAddress& group = {}) {
        void* const memory = ::operator new(sizeof(HandedOver) + size, std::nothrow);
        if (!memory) return nullptr;
        auto* const item = new (memory) HandedOver;
        item->kind = kind;
        item->interface = interface.index();
        item->size = size;
        item->group = group;
        return item;
    }
    void destroy() {
        this->~HandedOver();
        ::operator delete(this);
    }
    [[nodiscard]] size_t cost() const { return sizeof *this + size; }
    [[nodiscard]] std::span<uint8_t> bytes() { return {reinterpret_cast<uint8_t*>(this + 1), size}; }

    Kind kind{};
    uint32_t interface = 0, size = 0;
    net::Offload offload{};
    net::IpAddress group{};
};

// False: there was no memory, or no room. The item is the shard's in any case.
bool Shard::put(uint32_t to, HandedOver* item) {
    if (!item) return false;
    Shard& other = network_.shard(to);
    {
        const sync::Guard guard{other.inbox_lock_};
        if (other.inbox_bytes_ + item->cost() <= most_waiting) {
            other.inbox_.push_back(*item);
            other.inbox_bytes_ += item->cost();
            gave_ |= uint32_t{1} << to;
            return true;
        }
    }
    item->destroy();
    return false;
}

void Shard::hand_over(uint32_t to, const net::Interface& interface, const net::Packet& packet) {
    for (uint32_t i = 0; i < network_.count(); ++i) {
        if (i == stack_.shard().index || (to != all && to != i)) continue;
        HandedOver* const item = HandedOver::make(HandedOver::Kind::Packet, interface, static_cast<uint32_t>(packet.length()));
        if (item) {
            packet.copy_to(0, item->bytes());
            item->offload = packet.offload();
            item->offload.handed = item->offload.handed + 1;
        }
        if (!put(i, item)) stack_.count(net::Drop::NoMemory);
    }
}

Result<void> Shard::join(const net::Interface& interface, const net::IpAddress& group) {
    if (!put(0, HandedOver::make(HandedOver::Kind::Join, interface, 0, group))) return Error{ENOMEM};
    return {};
}

void Shard::leave(const net::Interface& interface, const net::IpAddress& group) {
    // Without memory the group stays, which costs packets that nobody wants.
    (void)put(0, HandedOver::make(HandedOver::Kind::Leave, interface, 0, group));
}

void Shard::take_in() {
    for (;;) {
        HandedOver* item = nullptr;
        {
            const sync::Guard guard{inbox_lock_};
            item = inbox_.pop_front();
            if (!item) return;
            inbox_bytes_ -= item->cost();
        }
        net::Interface& interface = *stack_.interface(item->interface);
        switch (item->kind) {
            case HandedOver::Kind::Packet: {
                net::Packet packet = pool_.allocate_data(item->size);
                if (packet && packet.append_copy(item->bytes())) {
                    packet.offload() = item->offload;
                    stack_.receive_handed(interface, std::move(packet));
                } else {
                    stack_.count(net::Drop::NoMemory);
                }
                break;
            }
            case HandedOver::Kind::Join: (void)interface.join(item->group); break;
            case HandedOver::Kind::Leave: interface.leave(item->group); break;
        }
        item->destroy();
    }
}

}  // namespace eremite::network

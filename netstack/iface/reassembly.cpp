#include "netstack/iface/reassembly.hpp"

#include <algorithm>

#include "netstack/iface/interface.hpp"
#include "netstack/stack.hpp"

namespace eremite::net {

namespace {
constexpr size_t longest_payload = 65535;
}

Reassembly::Context::Context(Reassembly& r)
    : Timer{[](Timer& timer) {
          auto& context = static_cast<Context&>(timer);
          context.reassembly.expire(context);
      }},
      reassembly{r} {}

Reassembly::~Reassembly() {
    while (Context* context = contexts_.front()) destroy(*context);
}

Reassembly::Context* Reassembly::find(const FragmentKey& key) {
    for (Context& c : contexts_)
        if (c.key == key) return &c;
    return nullptr;
}

void Reassembly::destroy(Context& context) {
    stack_.timers().cancel(context);
    contexts_.remove(context);
    bytes_ -= context.received;
    pool_.destroy(context);
}

void Reassembly::expire(Context& context) {
    Packet quote = std::move(context.quote);
    Interface& interface = *context.interface;
    const bool v4 = context.key.source.is_v4();
    destroy(context);
    // Only who sent the first fragment is told (RFC 792, RFC 8200 section 4.5).
    if (!quote) return;
    if (v4) stack_.ip().send_error_v4(interface, quote, icmp4::time_exceeded, 1);
    else stack_.ip().send_error_v6(interface, quote, icmp6::time_exceeded, 1);
}

// False: it overlaps what is there.
bool Reassembly::insert(Context& context, Packet&& payload, size_t offset) {
    payload.head()->sequence = static_cast<uint32_t>(offset);
    const size_t end = offset + payload.length();
    // Fragments mostly arrive in order.
    PacketQueue before;
    bool overlap = false;
    if (offset < context.furthest) {
        while (const Fragment* part = context.parts.front()) {
            if (part->sequence >= offset) break;
            overlap |= part->sequence + part->total > offset;
            before.push(context.parts.pop());
        }
        if (const Fragment* part = context.parts.front()) overlap |= part->sequence < end;
        if (overlap) return false;
        before.push(std::move(payload));
        while (Packet part = context.parts.pop()) before.push(std::move(part));
        while (Packet part = before.pop()) context.parts.push(std::move(part));
    } else {
        context.parts.push(std::move(payload));
    }
    context.furthest = std::max(context.furthest, end);
    return true;
}

Packet Reassembly::add(Interface& interface, const FragmentKey& key, Packet&& packet, size_t header_length, size_t offset, bool more) {
    const size_t length = packet.length() - header_length;
    const size_t end = offset + length;
    if (length == 0 || end > longest_payload || (more && length % 8 != 0)) {
        stack_.count(Drop::BadFragment);
        return {};
    }
    Context* context = find(key);
    if (!context) {
        // The oldest give way.
        while (bytes_ + length > most_bytes || pool_.used() == pool_.most()) destroy(*contexts_.front());
        context = pool_.create(*this);
        if (!context) {
            stack_.count(Drop::NoMemory);
            return {};
        }
        context->interface = &interface;
        context->key = key;
        contexts_.push_back(*context);
        stack_.timers().set(*context, stack_.now() + timeout);
    }
    const auto refuse = [&](Drop why) {
        stack_.count(why);
        destroy(*context);
        return Packet{};
    };
    if (context->parts.count() >= most_fragments || bytes_ + length > most_bytes) return refuse(Drop::QueueFull);
    if (more ? context->total != 0 && end > context->total : (context->total != 0 && context->total != end) || context->furthest > end)
        return refuse(Drop::BadFragment);
    if (!more) context->total = end;
    if (offset == 0 && !context->headers) {
        context->quote = packet.share(0, std::min<size_t>(packet.length(), header_length + 64));
        context->headers = packet.share(0, header_length);
        if (!context->headers) return refuse(Drop::NoMemory);
    }
    for (const Fragment* part = context->parts.front(); part; part = part->next_packet)
        if (part->sequence == offset && part->total == length) return {};  // sent twice (RFC 8200 section 4.5)
    packet.remove_front(header_length);
    if (!insert(*context, std::move(packet), offset)) return refuse(Drop::BadFragment);
    context->received += length;
    bytes_ += length;
    if (context->total == 0 || context->received != context->total || !context->headers) return {};
    Packet whole = std::move(context->headers);
    while (Packet part = context->parts.pop()) whole.append(std::move(part));
    destroy(*context);
    return whole;
}

}  // namespace eremite::net

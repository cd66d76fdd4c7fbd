#pragma once
// Packets that arrive in fragments (RFC 791, RFC 8200 section 4.5). Fragments that overlap make the whole packet be dropped
// (RFC 5722, which we hold for IPv4 too); memory and time are bounded.
#include "netstack/storage/object_pool.hpp"
#include "netstack/storage/packet.hpp"
#include "netstack/storage/timer_wheel.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net {

class Interface;
class Stack;

struct FragmentKey {
    IpAddress source{};
    IpAddress destination{};
    uint32_t identification = 0;
    uint8_t protocol = 0;
    bool operator==(const FragmentKey&) const = default;
};

class Reassembly {
public:
    static constexpr size_t most_packets = 64, most_bytes = size_t{1} << 20, most_fragments = 64;
    static constexpr Duration timeout = Duration::seconds(30);

    explicit Reassembly(Stack& stack) : stack_{stack} {}
    ~Reassembly();

    // A fragment: `packet` begins with `header_length` bytes of headers, which are kept of the first fragment alone. `offset` is
    // that of its payload. Returns the whole packet, headers of the first fragment in front, once it is complete.
    [[nodiscard]] Packet add(Interface& interface, const FragmentKey& key, Packet&& packet, size_t header_length, size_t offset, bool more);
    [[nodiscard]] size_t packets() const { return pool_.used(); }
    [[nodiscard]] size_t bytes() const { return bytes_; }

private:
    struct Context : Timer, ListNode<Context> {
        explicit Context(Reassembly& r);
        Reassembly& reassembly;
        Interface* interface = nullptr;
        FragmentKey key{};
        PacketQueue parts{};  // payloads by offset, which is in `sequence` of their first fragments
        Packet headers{};     // of the first fragment
        Packet quote{};       // the start of the first fragment, for an ICMP error
        size_t total = 0;     // 0: the last fragment is not here yet
        size_t received = 0;
        size_t furthest = 0;
    };
    [[nodiscard]] Context* find(const FragmentKey& key);
    [[nodiscard]] static bool insert(Context& context, Packet&& payload, size_t offset);
    void expire(Context& context);
    void destroy(Context& context);

    Stack& stack_;
    List<Context, Context> contexts_{};  // the oldest first
    ObjectPool<Context> pool_{most_packets};
    size_t bytes_ = 0;
};

}  // namespace eremite::net

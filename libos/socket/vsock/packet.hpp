#pragma once
// A packet on its way out: its header and, right behind it, its data, as the device takes them.
#include <memory>
#include <new>
#include <span>

#include "base/list.hpp"
#include "virtio/vsock.hpp"

namespace eremite::socket::vsock {

using Header = virtio::vsock::Header;

struct Packet : ListNode<> {
    // Null when there is no memory. The header is zeroed, the data are not.
    [[nodiscard]] static std::unique_ptr<Packet> create(uint32_t data_bytes) {
        void* const memory = ::operator new(sizeof(Packet) + data_bytes, std::nothrow);
        return std::unique_ptr<Packet>{memory ? new (memory) Packet{data_bytes} : nullptr};
    }
    static void operator delete(void* memory) { ::operator delete(memory); }

    // SAFETY (of both): create() made room for them behind the object, at whose end the header stands.
    [[nodiscard]] std::span<uint8_t> data() { return {reinterpret_cast<uint8_t*>(this + 1), size}; }
    [[nodiscard]] std::span<uint8_t> bytes() { return {reinterpret_cast<uint8_t*>(this + 1) - sizeof(Header), sizeof(Header) + size}; }

    uint32_t size;  // of the data; less may be sent than there is room for
    Header header{};

private:
    explicit Packet(uint32_t data_bytes) : size{data_bytes} {}
};
static_assert(sizeof(Packet) == sizeof(ListNode<>) + sizeof(uint32_t) + sizeof(Header), "the data would not follow the header");

// Where packets go.
class Link {
public:
    // Takes the packet, whatever becomes of it; they arrive in this order.
    virtual void send(std::unique_ptr<Packet> packet) = 0;

protected:
    ~Link() = default;
};

}  // namespace eremite::socket::vsock

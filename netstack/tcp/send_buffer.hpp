#pragma once
// What a program gave to be sent and the peer has not acknowledged: a chain of fragments, each of which knows the sequence number
// of its first byte. Segments refer to its buffers; data move only when they come from the program.
#include "netstack/storage/byte_stream.hpp"
#include "netstack/storage/pool.hpp"
#include "netstack/wire/tcp.hpp"

namespace eremite::net::tcp {

class SendBuffer {
public:
    SendBuffer() = default;
    SendBuffer(const SendBuffer&) = delete;
    SendBuffer& operator=(const SendBuffer&) = delete;
    ~SendBuffer() { clear(); }

    void start(uint32_t sequence) { end_ = sequence; }
    // Behind the last byte.
    [[nodiscard]] uint32_t end() const { return end_; }

    // Copies up to `size` bytes; returns how many there was memory for. The source's error, or ENOBUFS when there was none.
    [[nodiscard]] Result<size_t> write(PacketPool& pool, ByteSource& source, size_t size);
    // Takes data over without a copy.
    void append(Packet&& data);
    // The peer has all before `sequence`.
    void release(uint32_t sequence);
    // Puts the range behind `packet`, which is a header: copied where it is small, else by reference. False: no memory.
    [[nodiscard]] bool attach(Packet& packet, Fragment* hint, uint32_t sequence, uint32_t length) const;
    // The fragment that holds the byte; null: there is none. `hint` is one at or before it, or null.
    [[nodiscard]] Fragment* locate(Fragment* hint, uint32_t sequence) const;
    // The one from which the next new byte is sent.
    [[nodiscard]] Fragment* locate_unsent(uint32_t sequence) { return unsent_ = locate(unsent_, sequence); }
    void clear();

private:
    static constexpr uint32_t most_copied = 64;
    Fragment* first_ = nullptr;
    Fragment* last_ = nullptr;
    Fragment* unsent_ = nullptr;
    uint32_t end_ = 0;
};

}  // namespace eremite::net::tcp

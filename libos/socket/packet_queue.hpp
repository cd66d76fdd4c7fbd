#pragma once
// What was sent and not yet received: records, or a stream of bytes. Plain data; its owner has the lock.
#include <memory>

#include "base/list.hpp"
#include "libos/socket/socket.hpp"

namespace eremite::socket {

struct Packet : ListNode<> {
    // Null when there is no memory.
    [[nodiscard]] static std::unique_ptr<Packet> create(size_t capacity);
    static void operator delete(void* memory) { ::operator delete(memory); }
    // SAFETY: create() made room for `capacity` bytes behind the object.
    [[nodiscard]] uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
    [[nodiscard]] size_t left() const { return end - start; }
    [[nodiscard]] size_t room() const { return capacity - end; }

    const size_t capacity;
    size_t start = 0, end = 0;
    Files files{};
    Ref<RefCounted> sender{};  // whatever the owner of the queue knows senders by

private:
    explicit Packet(size_t size) : capacity{size} {}
};

class PacketQueue {
public:
    // What a record costs beside its bytes, so that empty ones do not fill the memory.
    static constexpr size_t overhead = 256;

    PacketQueue() = default;
    PacketQueue(const PacketQueue&) = delete;
    PacketQueue& operator=(const PacketQueue&) = delete;
    ~PacketQueue();

    [[nodiscard]] bool empty() const { return packets_.empty(); }
    // Bytes that wait.
    [[nodiscard]] size_t size() const { return size_; }
    // Memory that they cost.
    [[nodiscard]] size_t cost() const { return size_ + count_ * overhead; }
    [[nodiscard]] const Packet& first() const { return *packets_.front(); }

    // Appends a record of `size` bytes. EFAULT, ENOMEM.
    [[nodiscard]] Result<void> put_record(fs::IoBuffer& data, size_t size, Files& files, Ref<RefCounted> sender = nullptr);
    // Appends up to `size` bytes to the stream; returns how many. Files mark their first byte. EFAULT, ENOMEM.
    [[nodiscard]] Result<size_t> put_bytes(fs::IoBuffer& data, size_t size, Files& files);
    // Take the first record, or bytes of the stream; with MSG_PEEK they stay. A stream is not read beyond a packet with files.
    // What is done with lies in `used`, to be destroyed without the lock. EFAULT, ENOMEM. Require: !empty().
    [[nodiscard]] Result<size_t> take_record(Message& message, List<Packet>& used);
    [[nodiscard]] Result<size_t> take_bytes(Message& message, List<Packet>& used);
    // Hands over all that is left.
    void clear(List<Packet>& used);

private:
    void append(Packet& packet);
    void drop_first(List<Packet>& used);
    [[nodiscard]] static Result<void> hand_over(Packet& packet, Message& message);

    List<Packet> packets_;
    size_t size_ = 0, count_ = 0;
    std::unique_ptr<Packet> spare_;  // of a stream: where the next bytes go
};

// Destroys packets and what goes along with them.
void destroy(List<Packet>& packets);

}  // namespace eremite::socket

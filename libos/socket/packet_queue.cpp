#include "libos/socket/packet_queue.hpp"

#include <algorithm>
#include <new>

namespace eremite::socket {

namespace {

// Bytes of a stream are kept in pieces of this size.
constexpr size_t stream_piece = 4096 - sizeof(Packet);

}  // namespace

std::unique_ptr<Packet> Packet::create(size_t capacity) {
    void* const memory = ::operator new(sizeof(Packet) + capacity, std::nothrow);
    return std::unique_ptr<Packet>{memory ? new (memory) Packet{capacity} : nullptr};
}

void destroy(List<Packet>& packets) {
    while (Packet* const packet = packets.pop_front()) delete packet;
}

PacketQueue::~PacketQueue() { destroy(packets_); }

void PacketQueue::append(Packet& packet) {
    packets_.push_back(packet);
    ++count_;
}

void PacketQueue::drop_first(List<Packet>& used) {
    Packet* const packet = packets_.pop_front();
    --count_;
    size_ -= packet->left();
    if (packet->capacity == stream_piece && !spare_ && packet->files.empty()) {
        packet->start = packet->end = 0;
        spare_.reset(packet);
    } else {
        used.push_back(*packet);
    }
}

void PacketQueue::clear(List<Packet>& used) {
    while (!packets_.empty()) drop_first(used);
}

Result<void> PacketQueue::put_record(fs::IoBuffer& data, size_t size, Files& files, Ref<RefCounted> sender) {
    std::unique_ptr<Packet> packet = Packet::create(size);
    if (!packet) return Error{ENOMEM};
    packet->end = data.take(packet->bytes(), size);
    if (packet->end != size) return Error{EFAULT};
    packet->files = std::move(files);
    packet->sender = std::move(sender);
    size_ += size;
    append(*packet.release());
    return {};
}

Result<size_t> PacketQueue::put_bytes(fs::IoBuffer& data, size_t size, Files& files) {
    size_t done = 0;
    while (done < size) {
        Packet* packet = packets_.back();
        if (!packet || packet->room() == 0 || !packet->files.empty() || !files.empty()) {
            std::unique_ptr<Packet> fresh = spare_ ? std::move(spare_) : Packet::create(stream_piece);
            if (!fresh) return done != 0 ? Result<size_t>{done} : Error{ENOMEM};
            packet = fresh.get();
            const size_t piece = std::min(size - done, packet->room());
            packet->end = data.take(packet->bytes(), piece);
            size_ += packet->end;
            done += packet->end;
            if (packet->end == 0) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
            packet->files = std::move(files);
            append(*fresh.release());
        } else {
            const size_t copied = data.take(packet->bytes() + packet->end, std::min(size - done, packet->room()));
            packet->end += copied;
            size_ += copied;
            done += copied;
        }
        if (data.faulted()) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
    }
    return done;
}

// The files go to the receiver, who shares them as long as it only peeks.
Result<void> PacketQueue::hand_over(Packet& packet, Message& message) {
    if ((message.flags & MSG_PEEK) == 0) {
        message.files = std::move(packet.files);
        return {};
    }
    for (const Ref<fs::File>& file : packet.files) TRY(message.files.push_back(file));
    return {};
}

Result<size_t> PacketQueue::take_record(Message& message, List<Packet>& used) {
    Packet& packet = *packets_.front();
    const size_t wanted = message.data.remaining(), whole = packet.left();
    const size_t copied = message.data.put(packet.bytes(), std::min(wanted, whole));
    if (message.data.faulted()) return Error{EFAULT};
    TRY(hand_over(packet, message));
    if (whole > wanted) message.result_flags |= MSG_TRUNC;
    if ((message.flags & MSG_PEEK) == 0) drop_first(used);
    return (message.flags & MSG_TRUNC) != 0 ? whole : copied;
}

Result<size_t> PacketQueue::take_bytes(Message& message, List<Packet>& used) {
    const bool peek = (message.flags & MSG_PEEK) != 0;
    size_t done = 0;
    for (auto next = packets_.begin(); next != packets_.end() && message.data.remaining() != 0;) {
        Packet& packet = *next;
        ++next;
        const size_t piece = std::min(packet.left(), message.data.remaining());
        const size_t copied = message.data.put(packet.bytes() + packet.start, piece);
        done += copied;
        const bool with_files = !packet.files.empty();
        if (with_files && copied != 0) TRY(hand_over(packet, message));
        if (!peek) {
            packet.start += copied;
            size_ -= copied;
            if (packet.left() == 0) drop_first(used);
        }
        if (message.data.faulted()) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
        if (with_files) break;
    }
    return done;
}

}  // namespace eremite::socket

#include "netstack/tcp/send_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace eremite::net::tcp {

Result<size_t> SendBuffer::write(PacketPool& pool, ByteSource& source, size_t size) {
    // A message alone needs no buffer; where much waits, small pieces go together into large ones.
    constexpr uint32_t many = 8192;
    size_t written = 0;
    while (written < size) {
        const size_t left = size - written;
        // The free end of the last buffer is nobody else's, even where segments refer to what stands before.
        if (last_ && (!last_->buffer || last_->buffer->owner == &pool) && last_->tailroom() > 0) {
            const auto piece = static_cast<uint32_t>(std::min<size_t>(left, last_->tailroom()));
            const Result<void> copied = source.read({last_->data + last_->length, piece});
            if (!copied.ok()) return written > 0 ? Result<size_t>{written} : copied.error();
            last_->length += piece;
            end_ += piece;
            written += piece;
            continue;
        }
        // The last of the memory is for what arrives: without acknowledgements none would ever come back.
        Packet more;
        if (!first_ && left <= Fragment::inline_size) more = Packet::allocate(pool, 0);
        else if (!pool.under_pressure())
            more = pool.allocate_data(first_ && end_ - first_->sequence > many ? UINT32_MAX
                                                                               : static_cast<uint32_t>(std::min<size_t>(left, UINT32_MAX)));
        if (!more) return written > 0 ? Result<size_t>{written} : Error{ENOBUFS};
        append(std::move(more));
    }
    return written;
}

void SendBuffer::append(Packet&& data) {
    Fragment* f = data.leak();
    (first_ ? last_->next : first_) = f;
    for (;; f = f->next) {
        f->sequence = end_;
        end_ += f->length;
        last_ = f;
        if (!f->next) return;
    }
}

void SendBuffer::release(uint32_t sequence) {
    while (first_ && seq_at_or_before(first_->sequence + first_->length, sequence)) {
        Fragment* gone = first_;
        // A last buffer that has room goes on being filled.
        if (gone == last_ && gone->length == 0) return;
        first_ = gone->next;
        if (unsent_ == gone) unsent_ = first_;
        if (last_ == gone) last_ = nullptr;
        gone->pool->free(*gone);
    }
}

Fragment* SendBuffer::locate(Fragment* hint, uint32_t sequence) const {
    Fragment* f = hint ? hint : first_;
    while (f && seq_at_or_before(f->sequence + f->length, sequence)) f = f->next;
    return f;
}

bool SendBuffer::attach(Packet& packet, Fragment* hint, uint32_t sequence, uint32_t length) const {
    Fragment* head = packet.head();
    const Fragment* from = locate(hint, sequence);
    uint32_t offset = sequence - from->sequence;
    if (length <= most_copied) {
        head->total += length;
        while (length > 0) {
            const uint32_t piece = std::min(length, from->length - offset);
            std::memcpy(head->data + head->length, from->data + offset, piece);
            head->length += piece;
            length -= piece;
            from = from->next;
            offset = 0;
        }
        return true;
    }
    Fragment** link = &head->next;
    while (length > 0) {
        const uint32_t piece = std::min(length, from->length - offset);
        if (piece > 0) {
            Fragment* reference = head->pool->allocate_fragment();
            if (!reference) [[unlikely]] return false;
            reference->data = from->data + offset;
            reference->length = piece;
            if (from->buffer) {
                reference->buffer = from->buffer;
                ++from->buffer->references;
            } else {
                reference->data = reference->inline_bytes;
                std::memcpy(reference->inline_bytes, from->data + offset, piece);
            }
            *link = reference;
            link = &reference->next;
            head->total += piece;
            length -= piece;
        }
        from = from->next;
        offset = 0;
    }
    return true;
}

void SendBuffer::clear() {
    // What is adopted is freed.
    if (first_) Packet::adopt(first_).reset();
    first_ = last_ = unsent_ = nullptr;
}

}  // namespace eremite::net::tcp

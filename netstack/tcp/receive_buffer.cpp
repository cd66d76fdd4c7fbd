#include "netstack/tcp/receive_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "netstack/storage/pool.hpp"

namespace eremite::net::tcp {

void ReceiveBuffer::append(Packet&& data) {
    constexpr uint32_t small = 256;
    const uint32_t length = data.head()->total;
    bytes_ += length;
    // Small ones are moved together, so that a slow reader does not hold a whole buffer for each.
    if (last_ && length <= small && !data.head()->next && last_->exclusive() && last_->tailroom() >= length) {
        std::memcpy(last_->data + last_->length, data.head()->data, length);
        last_->length += length;
        return;
    }
    Fragment* f = data.leak();
    (first_ ? last_->next : first_) = f;
    while (f->next) f = f->next;
    last_ = f;
}

bool ReceiveBuffer::insert_early(uint32_t sequence, Packet&& data) {
    if (early_count_ >= most_early) return false;
    uint32_t end = sequence + data.head()->total;
    const uint32_t whole_start = sequence, whole_end = end;
    Fragment** link = &early_;
    Fragment* previous = nullptr;
    // Mostly they come in order among themselves.
    if (early_last_ && seq_at_or_before(early_last_->sequence + early_last_->total, sequence)) {
        previous = early_last_;
        link = &early_last_->next_packet;
    }
    while (*link && seq_at_or_before((*link)->sequence, sequence)) {
        previous = *link;
        link = &previous->next_packet;
    }
    bool any = true;
    if (previous && seq_before(sequence, previous->sequence + previous->total)) {
        const uint32_t known = previous->sequence + previous->total;
        note_duplicate(sequence, seq_earlier(known, end));
        if (seq_at_or_before(end, known)) {
            any = false;
        } else {
            data.remove_front(known - sequence);
            sequence = known;
        }
    }
    while (any && *link && seq_before((*link)->sequence, end)) {
        Fragment* covered = *link;
        if (seq_before(end, covered->sequence + covered->total)) {
            note_duplicate(covered->sequence, end);
            data.truncate(covered->sequence - sequence);
            end = covered->sequence;
            break;
        }
        note_duplicate(covered->sequence, covered->sequence + covered->total);
        *link = covered->next_packet;
        if (early_last_ == covered) early_last_ = previous;
        --early_count_;
        early_bytes_ -= covered->total;
        Packet::adopt(covered).reset();
    }
    if (any) {
        early_bytes_ += data.head()->total;
        ++early_count_;
        Fragment* f = data.leak();
        f->sequence = sequence;
        f->next_packet = *link;
        *link = f;
        if (!f->next_packet) early_last_ = f;
    }
    add_range(whole_start, whole_end);
    return true;
}

void ReceiveBuffer::add_range(uint32_t start, uint32_t end) {
    // Ranges that touch become one; it moves to the front.
    size_t kept = 0;
    for (size_t i = 0; i < range_count_; ++i) {
        const SackBlock r = ranges_[i];
        if (seq_at_or_before(r.start, end) && seq_at_or_before(start, r.end)) {
            start = seq_earlier(start, r.start);
            end = seq_later(end, r.end);
        } else {
            ranges_[kept++] = r;
        }
    }
    kept = std::min(kept, ranges_.size() - 1);
    std::move_backward(ranges_.begin(), ranges_.begin() + static_cast<ptrdiff_t>(kept), ranges_.begin() + static_cast<ptrdiff_t>(kept) + 1);
    ranges_[0] = {start, end};
    range_count_ = kept + 1;
}

uint32_t ReceiveBuffer::take_early(uint32_t next) {
    while (early_ && seq_at_or_before(early_->sequence, next)) {
        Fragment* f = early_;
        early_ = f->next_packet;
        if (!early_) early_last_ = nullptr;
        --early_count_;
        early_bytes_ -= f->total;
        Packet data = Packet::adopt(f);
        const uint32_t end = f->sequence + f->total;
        if (seq_at_or_before(end, next)) continue;
        if (f->sequence != next) data.remove_front(next - f->sequence);
        next = end;
        append(std::move(data));
    }
    size_t kept = 0;
    for (size_t i = 0; i < range_count_; ++i)
        if (seq_before(next, ranges_[i].end)) ranges_[kept++] = ranges_[i];
    range_count_ = kept;
    return next;
}

Result<size_t> ReceiveBuffer::read(ByteSink& sink, size_t size, bool peek, size_t skip) {
    // Most programs that read little read a part of one packet.
    if (Fragment* const f = first_; f && f->length > size && skip == 0 && !peek) {
        TRY(sink.write({f->data, size}));
        f->data += size;
        f->length -= static_cast<uint32_t>(size);
        bytes_ -= size;
        return size;
    }
    size_t done = 0;
    for (Fragment* f = first_; f && done < size;) {
        if (skip >= f->length) {
            skip -= f->length;
            f = f->next;
            continue;
        }
        const size_t piece = std::min<size_t>(size - done, f->length - skip);
        const Result<void> written = sink.write({f->data + skip, piece});
        if (!written.ok()) {
            if (done == 0) return written.error();
            break;
        }
        done += piece;
        skip = 0;
        f = f->next;
    }
    if (!peek) (void)discard(done);
    return done;
}

size_t ReceiveBuffer::discard(size_t size) {
    const size_t wanted = size;
    while (first_ && size > 0) {
        Fragment* f = first_;
        const size_t piece = std::min<size_t>(size, f->length);
        f->data += piece;
        f->length -= static_cast<uint32_t>(piece);
        size -= piece;
        bytes_ -= piece;
        if (f->length > 0) break;
        first_ = f->next;
        if (!first_) last_ = nullptr;
        f->pool->free(*f);
    }
    return wanted - size;
}

Packet ReceiveBuffer::read_packet(size_t most) {
    if (!first_) return {};
    // Whole fragments; the first is cut where even it is too long.
    Fragment* head = first_;
    if (head->length > most) {
        Packet whole = Packet::adopt(head);
        const uint32_t total = std::exchange(head->total, head->length);
        Packet part = whole.share(0, most);
        head->total = total;
        (void)whole.leak();
        if (part) (void)discard(most);
        return part;
    }
    Fragment* end = head;
    uint32_t length = head->length;
    while (end->next && length + end->next->length <= most) {
        end = end->next;
        length += end->length;
    }
    first_ = std::exchange(end->next, nullptr);
    if (!first_) last_ = nullptr;
    bytes_ -= length;
    head->total = length;
    return Packet::adopt(head);
}

void ReceiveBuffer::clear() {
    if (first_) Packet::adopt(first_).reset();
    first_ = last_ = nullptr;
    bytes_ = 0;
    while (early_) {
        Fragment* next = early_->next_packet;
        Packet::adopt(early_).reset();
        early_ = next;
    }
    early_last_ = nullptr;
    early_count_ = early_bytes_ = range_count_ = 0;
}

}  // namespace eremite::net::tcp

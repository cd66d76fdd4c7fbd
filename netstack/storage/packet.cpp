#include "netstack/storage/packet.hpp"

#include <algorithm>
#include <cstring>

#include "netstack/storage/pool.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

Packet Packet::allocate(PacketPool& pool, uint32_t headroom) {
    Fragment* f = pool.allocate_fragment();
    if (f) f->data = f->inline_bytes + headroom;
    return adopt(f);
}

Packet Packet::over(PacketPool& pool, Buffer& buffer, uint8_t* data, uint32_t length) {
    Fragment* f = pool.allocate_fragment();
    if (!f) return {};
    f->buffer = &buffer;
    f->data = data;
    f->length = f->total = length;
    return adopt(f);
}

void Packet::free_chain(Fragment* head) {
    while (head) {
        Fragment* next = head->next;
        head->pool->free(*head);
        head = next;
    }
}

uint8_t* Packet::push_fragment(uint32_t size) {
    if (size > Fragment::inline_size) return nullptr;
    Fragment* f = head_->pool->allocate_fragment();
    if (!f) return nullptr;
    // At the end of the inline bytes, so that further headers find room in front.
    f->data = f->inline_bytes + Fragment::inline_size - size;
    f->length = size;
    f->total = head_->total + size;
    f->offload = head_->offload;
    f->sequence = head_->sequence;
    f->next = head_;
    head_ = f;
    return f->data;
}

void Packet::remove_fragments(size_t size) {
    // The first fragment stays, if only as an empty one, where it is the only one.
    const uint32_t total = head_->total - static_cast<uint32_t>(size);
    while (size >= head_->length && head_->next) {
        Fragment* gone = head_;
        size -= gone->length;
        head_ = gone->next;
        head_->offload = gone->offload;
        gone->pool->free(*gone);
    }
    head_->data += size;
    head_->length -= static_cast<uint32_t>(size);
    head_->total = total;
}

void Packet::truncate(size_t size) {
    head_->total = static_cast<uint32_t>(size);
    Fragment* f = head_;
    while (size > f->length) {
        size -= f->length;
        f = f->next;
    }
    f->length = static_cast<uint32_t>(size);
    free_chain(std::exchange(f->next, nullptr));
}

bool Packet::pull_up_slowly(size_t size) {
    if (size > head_->total || size > Fragment::inline_size) return false;
    const auto missing = static_cast<uint32_t>(size - head_->length);
    if (!head_->exclusive() || head_->tailroom() < missing) {
        Fragment* f = head_->pool->allocate_fragment();
        if (!f) return false;
        f->data = f->inline_bytes + Fragment::inline_size - size;
        std::memcpy(f->data, head_->data, head_->length);
        f->length = head_->length;
        f->total = head_->total;
        f->offload = head_->offload;
        f->sequence = head_->sequence;
        f->next = std::exchange(head_->next, nullptr);
        free_chain(std::exchange(head_, f));
    }
    while (head_->length < size) {
        Fragment* from = head_->next;
        const auto piece = std::min<uint32_t>(from->length, static_cast<uint32_t>(size) - head_->length);
        std::memcpy(head_->data + head_->length, from->data, piece);
        head_->length += piece;
        from->data += piece;
        from->length -= piece;
        if (from->length == 0) {
            head_->next = from->next;
            from->pool->free(*from);
        }
    }
    return true;
}

void Packet::append(Packet&& other) {
    Fragment* last = head_;
    while (last->next) last = last->next;
    head_->total += other.head_->total;
    last->next = other.leak();
}

bool Packet::append_copy(std::span<const uint8_t> bytes) {
    if (bytes.empty()) return true;
    Fragment* last = head_;
    while (last->next) last = last->next;
    if (last->exclusive() && last->tailroom() >= bytes.size()) {
        std::memcpy(last->data + last->length, bytes.data(), bytes.size());
        last->length += static_cast<uint32_t>(bytes.size());
        head_->total += static_cast<uint32_t>(bytes.size());
        return true;
    }
    Packet more;
    while (!bytes.empty()) {
        Packet piece = head_->pool->allocate_data(static_cast<uint32_t>(std::min<size_t>(bytes.size(), UINT32_MAX)));
        if (!piece) return false;
        const size_t size = std::min<size_t>(bytes.size(), piece.head_->tailroom());
        std::memcpy(piece.head_->data, bytes.data(), size);
        piece.head_->length = piece.head_->total = static_cast<uint32_t>(size);
        bytes = bytes.subspan(size);
        if (more) more.append(std::move(piece));
        else more = std::move(piece);
    }
    if (more) append(std::move(more));
    return true;
}

void Packet::copy_to(size_t offset, std::span<uint8_t> to) const {
    const Fragment* f = head_;
    while (!to.empty()) {
        if (offset >= f->length) {
            offset -= f->length;
        } else {
            const size_t piece = std::min<size_t>(f->length - offset, to.size());
            std::memcpy(to.data(), f->data + offset, piece);
            to = to.subspan(piece);
            offset = 0;
        }
        f = f->next;
    }
}

Packet Packet::share(size_t offset, size_t size) const {
    PacketPool& pool = *head_->pool;
    Packet result;
    Fragment** link = nullptr;
    for (const Fragment* f = head_; size > 0; f = f->next) {
        if (offset >= f->length) {
            offset -= f->length;
            continue;
        }
        const auto piece = static_cast<uint32_t>(std::min<size_t>(f->length - offset, size));
        Fragment* copy = pool.allocate_fragment();
        if (!copy) return {};
        if (f->buffer) {
            copy->buffer = f->buffer;
            ++f->buffer->references;
            copy->data = f->data + offset;
        } else {
            // A few bytes of the fragment's own cannot be shared; they stand at the end, with room for headers in front.
            copy->data = copy->inline_bytes + Fragment::inline_size - piece;
            std::memcpy(copy->data, f->data + offset, piece);
        }
        copy->length = piece;
        if (link) *link = copy;
        else result.head_ = copy;
        link = &copy->next;
        result.head_->total += piece;
        size -= piece;
        offset = 0;
    }
    if (!result) return allocate(pool);
    return result;
}

void Packet::add_to(ChecksumSum& sum, size_t offset, size_t size) const {
    for (const Fragment* f = head_; size > 0; f = f->next) {
        if (offset >= f->length) {
            offset -= f->length;
            continue;
        }
        const size_t piece = std::min<size_t>(f->length - offset, size);
        sum.add({f->data + offset, piece});
        size -= piece;
        offset = 0;
    }
}

}  // namespace eremite::net

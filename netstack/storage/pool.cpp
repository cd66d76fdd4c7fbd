#include "netstack/storage/pool.hpp"

#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace eremite::net {

namespace {

// What is free is out of bounds for everybody else, where somebody watches.
void hide([[maybe_unused]] void* at, [[maybe_unused]] size_t size) {
#ifdef __SANITIZE_ADDRESS__
    ASAN_POISON_MEMORY_REGION(at, size);
#endif
}
void show([[maybe_unused]] void* at, [[maybe_unused]] size_t size) {
#ifdef __SANITIZE_ADDRESS__
    ASAN_UNPOISON_MEMORY_REGION(at, size);
#endif
}

constexpr size_t slot_header = 64;

}  // namespace

void PacketPool::add_fragments(std::span<std::byte> memory) {
    grows_ |= total_fragments_ > 0;
    for (; memory.size() >= sizeof(Fragment); memory = memory.subspan(sizeof(Fragment))) {
        auto* f = new (memory.data()) Fragment;
        f->next = fragments_;
        f->buffer = nullptr;
        hide(f, sizeof *f);
        fragments_ = f;
        ++fragment_count_;
        ++total_fragments_;
    }
}

void PacketPool::add_buffers(std::span<std::byte> memory, Class& of) {
    const size_t size = slot_header + of.capacity;
    grows_ |= of.total > 0;
    for (; memory.size() >= size; memory = memory.subspan(size)) {
        auto* slot = new (memory.data()) Slot;
        // SAFETY: the data follow the slot in the same memory.
        slot->buffer = {reinterpret_cast<uint8_t*>(memory.data()) + slot_header, of.capacity, 0, this};
        slot->next = of.free;
        hide(slot->buffer.start, of.capacity);
        of.free = slot;
        ++of.count;
        ++of.total;
    }
}

Fragment* PacketPool::allocate_fragment() {
    Fragment* f = fragments_;
    if (!f) [[unlikely]] {
        grows_ = false;
        return nullptr;
    }
    show(f, sizeof *f);
    fragments_ = f->next;
    --fragment_count_;
    f->next = nullptr;
    f->next_packet = nullptr;
    f->data = f->inline_bytes;
    f->length = 0;
    f->buffer = nullptr;
    f->pool = this;
    f->total = 0;
    f->offload = {};
    return f;
}

void PacketPool::free(Fragment& fragment) {
    if (fragment.buffer) release_reference(*fragment.buffer);
    fragment.next = fragments_;
    fragments_ = &fragment;
    ++fragment_count_;
    hide(&fragment, sizeof fragment);
}

Buffer* PacketPool::take(Class& from) {
    Slot* slot = from.free;
    if (!slot) [[unlikely]] {
        grows_ = false;
        return nullptr;
    }
    from.free = slot->next;
    --from.count;
    slot->buffer.references = 1;
    show(slot->buffer.start, from.capacity);
    return &slot->buffer;
}

Buffer* PacketPool::allocate_buffer(bool large) { return take(large ? large_ : small_); }

Packet PacketPool::allocate_data(uint32_t size) {
    Buffer* buffer = take(size > small_capacity ? large_ : small_);
    if (!buffer) buffer = take(size > small_capacity ? small_ : large_);
    if (!buffer) return {};
    Packet packet = Packet::over(*this, *buffer, buffer->start, 0);
    if (!packet) release_reference(*buffer);
    return packet;
}

void PacketPool::release(Buffer& buffer) {
    Class& to = buffer.capacity == large_capacity ? large_ : small_;
    // SAFETY: buffers of this owner are the first member of a slot.
    auto* slot = reinterpret_cast<Slot*>(&buffer);
    slot->next = to.free;
    to.free = slot;
    ++to.count;
    hide(buffer.start, buffer.capacity);
}

}  // namespace eremite::net

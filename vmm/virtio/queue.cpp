#include "vmm/virtio/queue.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace eremite::vmm::virtio {

namespace {

// Section 2.7.6 and 2.7.8: flags and index, the ring, and behind it the event index of the other side.
constexpr size_t flags_at = 0, index_at = 2, ring_at = 4;
constexpr uint16_t largest = 32768;
// Of a single request, over all its segments; a driver's largest are some MiB.
constexpr uint64_t most_bytes = uint64_t{1} << 30;

// SAFETY (of all four): the queue was made with areas that are aligned for their fields and hold them all.
template <typename T>
T load(std::span<const std::byte> area, size_t at) { return __atomic_load_n(reinterpret_cast<const T*>(area.data() + at), __ATOMIC_RELAXED); }
uint16_t load_acquire(std::span<const std::byte> area, size_t at) {
    return __atomic_load_n(reinterpret_cast<const uint16_t*>(area.data() + at), __ATOMIC_ACQUIRE);
}
template <typename T>
void store(std::span<std::byte> area, size_t at, T value) { __atomic_store_n(reinterpret_cast<T*>(area.data() + at), value, __ATOMIC_RELAXED); }
void store_release(std::span<std::byte> area, size_t at, uint16_t value) {
    __atomic_store_n(reinterpret_cast<uint16_t*>(area.data() + at), value, __ATOMIC_RELEASE);
}

constexpr size_t used_event_at(uint16_t size) { return ring_at + sizeof(uint16_t) * size; }
constexpr size_t available_event_at(uint16_t size) { return ring_at + sizeof(vring_used_elem) * size; }

}  // namespace

std::optional<Queue> Queue::make(const GuestMemory& memory, const QueueSetup& setup, std::function<void()> interrupt) {
    if (!std::has_single_bit(setup.size) || setup.size > largest) return std::nullopt;
    // Section 2.7: alignment.
    if (setup.descriptors % 16 != 0 || setup.driver_area % 2 != 0 || setup.device_area % 4 != 0) return std::nullopt;
    Queue queue{memory, setup, std::move(interrupt)};
    queue.descriptors_ = memory.piece(setup.descriptors, sizeof(vring_desc) * setup.size);
    queue.available_ = memory.piece(setup.driver_area, used_event_at(setup.size) + sizeof(uint16_t));
    queue.used_ring_ = memory.piece(setup.device_area, available_event_at(setup.size) + sizeof(uint16_t));
    if (queue.descriptors_.empty() || queue.available_.empty() || queue.used_ring_.empty()) return std::nullopt;
    return queue;
}

void Queue::set_position(Position position) {
    next_available_ = position.available;
    used_ = signalled_ = position.used;
}

bool Queue::pop(Chain& chain) {
    if (broken_) return false;
    const uint16_t available = load_acquire(available_, index_at);
    const auto waiting = static_cast<uint16_t>(available - next_available_);
    if (waiting == 0) return false;
    chain.readable.clear();
    chain.writable.clear();
    chain.readable_bytes = chain.writable_bytes = 0;
    const size_t entry = next_available_ & (setup_.size - 1);
    chain.head = load<uint16_t>(available_, ring_at + sizeof(uint16_t) * entry);
    // More than there is room for cannot wait.
    if (waiting > setup_.size || !add_chain(chain, descriptors_, setup_.size, chain.head, false)) {
        broken_ = true;
        return false;
    }
    ++next_available_;
    return true;
}

bool Queue::add_chain(Chain& chain, std::span<const std::byte> table, uint32_t count, uint32_t first, bool indirect) const {
    uint32_t next = first;
    // A chain that is longer than its table has a loop in it.
    const uint32_t most_steps = std::min<uint32_t>(count, Chain::most_segments);
    for (uint32_t steps = 0; steps < most_steps; ++steps) {
        if (next >= count) return false;
        vring_desc descriptor;
        std::memcpy(&descriptor, table.data() + sizeof descriptor * next, sizeof descriptor);
        // What was read is used, whatever the guest writes there meanwhile.
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if ((descriptor.flags & VRING_DESC_F_INDIRECT) != 0) {
            // Section 2.7.5.3.1: a table has no further table, and stands at the end of a chain of one.
            if (indirect || (descriptor.flags & VRING_DESC_F_NEXT) != 0 || descriptor.len % sizeof descriptor != 0) return false;
            const std::span<const std::byte> inner = memory_->piece(descriptor.addr, descriptor.len);
            return !inner.empty() && add_chain(chain, inner, descriptor.len / sizeof descriptor, 0, true);
        }
        if (!add_descriptor(chain, descriptor)) return false;
        if ((descriptor.flags & VRING_DESC_F_NEXT) == 0) return true;
        next = descriptor.next;
    }
    return false;
}

bool Queue::add_descriptor(Chain& chain, const vring_desc& descriptor) const {
    const std::span<std::byte> bytes = memory_->piece(descriptor.addr, descriptor.len);
    if (chain.readable.size() + chain.writable.size() == Chain::most_segments) return false;
    if (bytes.empty() || chain.readable_bytes + chain.writable_bytes + bytes.size() > most_bytes) return false;
    const bool writable = (descriptor.flags & VRING_DESC_F_WRITE) != 0;
    // Section 2.7.4.2: what the device writes comes behind what it reads.
    if (!writable && !chain.writable.empty()) return false;
    (writable ? chain.writable : chain.readable).push_back({.iov_base = bytes.data(), .iov_len = bytes.size()});
    (writable ? chain.writable_bytes : chain.readable_bytes) += bytes.size();
    return true;
}

void Queue::push(std::span<const Used> used) {
    for (const Used& request : used) {
        const size_t at = ring_at + sizeof(vring_used_elem) * (used_++ & (setup_.size - 1));
        store<uint32_t>(used_ring_, at + offsetof(vring_used_elem, id), request.head);
        store<uint32_t>(used_ring_, at + offsetof(vring_used_elem, len), request.written);
    }
    store_release(used_ring_, index_at, used_);
}

void Queue::flush() {
    const uint16_t before = std::exchange(signalled_, used_);
    if (before == used_) return;
    // What the driver asked for is read after it can see what was used (section 2.7.7.2).
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (setup_.event_index) {
        const uint16_t event = load<uint16_t>(available_, used_event_at(setup_.size));
        if (static_cast<uint16_t>(used_ - event - 1) >= static_cast<uint16_t>(used_ - before)) return;
    } else if ((load<uint16_t>(available_, flags_at) & VRING_AVAIL_F_NO_INTERRUPT) != 0) {
        return;
    }
    interrupt_();
}

bool Queue::enable_notifications() {
    if (setup_.event_index) store<uint16_t>(used_ring_, available_event_at(setup_.size), next_available_);
    else store<uint16_t>(used_ring_, flags_at, 0);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return !broken_ && load_acquire(available_, index_at) != next_available_;
}

void Queue::disable_notifications() {
    // With event indices the driver tells of the next request only, once the index has been passed.
    if (!setup_.event_index) store<uint16_t>(used_ring_, flags_at, VRING_USED_F_NO_NOTIFY);
}

}  // namespace eremite::vmm::virtio

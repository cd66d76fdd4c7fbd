#include "virtio/packed_queue.hpp"

#include <utility>

#include "base/panic.hpp"

namespace eremite::virtio {

namespace {

constexpr uint16_t available_flag = 1 << VRING_PACKED_DESC_F_AVAIL, used_flag = 1 << VRING_PACKED_DESC_F_USED;

// What makes a descriptor available in a lap with this wrap counter (section 2.8.1).
constexpr uint16_t available_in(bool wrap) { return wrap ? available_flag : used_flag; }

}  // namespace

PackedQueue::PackedQueue(const QueueShape& shape, const QueueMemory& memory, QueueOwner& owner, uint16_t index)
    : Queue{shape, memory, owner, index} {
    require(shape.packed && !shape.legacy, "virtio: malformed packed queue");
}

Result<void> PackedQueue::add(std::span<const Segment> readable, std::span<const Segment> writable, void* token) {
    const Request request = TRY(check(readable, writable));
    const uint16_t id = first_free_;
    first_free_ = memory_.slots[id].next;
    const Position head = next_available_;
    uint16_t head_flags = available_in(head.wrap);
    if (is_indirect(request.segments)) {
        auto* entry = table<vring_packed_desc>(id);
        for (const Segment& segment : readable) *entry++ = {segment.address.value, segment.length, 0, 0};
        for (const Segment& segment : writable) *entry++ = {segment.address.value, segment.length, 0, VRING_DESC_F_WRITE};
        vring_packed_desc& first = descriptor(head.at);
        first.addr = table_address(id).value;
        first.len = static_cast<uint32_t>(request.segments * descriptor_size);
        first.id = id;
        head_flags |= VRING_DESC_F_INDIRECT;
        next_available_ = advanced(head, 1);
        ++added_;
        begin(id, request, 1, token);
    } else {
        Position position = head;
        uint16_t left = request.segments;
        const auto put = [&](const Segment& segment, uint16_t flags) {
            if (--left > 0) flags |= VRING_DESC_F_NEXT;
            vring_packed_desc& place = descriptor(position.at);
            place.addr = segment.address.value;
            place.len = segment.length;
            place.id = id;
            // The device sees the chain when it sees its first descriptor: that one's flags come last.
            if (position.at == head.at) head_flags |= flags;
            else store(place.flags, static_cast<uint16_t>(flags | available_in(position.wrap)));
            position = advanced(position, 1);
        };
        for (const Segment& segment : readable) put(segment, 0);
        for (const Segment& segment : writable) put(segment, VRING_DESC_F_WRITE);
        next_available_ = position;
        added_ += request.segments;
        begin(id, request, request.segments, token);
    }
    store_release(descriptor(head.at).flags, head_flags);
    return {};
}

// Section 2.8.10.1
bool PackedQueue::wants_kick() {
    const uint32_t added = std::exchange(added_, 0);
    if (added == 0) return false;
    full_barrier();
    const uint32_t event = device_event();
    const auto offset_and_wrap = static_cast<uint16_t>(event);
    const auto flags = static_cast<uint16_t>(event >> 16 & 3);
    const bool by_offset = flags == VRING_PACKED_EVENT_FLAG_DESC && shape_.event_index && added < shape_.size;
    if (!by_offset) return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
    auto offset = static_cast<uint16_t>(offset_and_wrap & 0x7fff);
    // In the lap before this one.
    if ((offset_and_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR != 0) != next_available_.wrap) offset = static_cast<uint16_t>(offset - shape_.size);
    return event_passed(offset, next_available_.at, static_cast<uint16_t>(next_available_.at - added));
}

bool PackedQueue::is_used(Position position) const {
    const uint16_t flags = load_acquire(descriptor(position.at).flags);
    const bool available = flags & available_flag, used = flags & used_flag;
    return available == position.wrap && used == position.wrap;
}

std::optional<Completion> PackedQueue::take() {
    if (owner_.health() != Health::Working) return take_abandoned();
    if (in_flight_ == 0 || !is_used(next_used_)) return std::nullopt;
    const vring_packed_desc& entry = descriptor(next_used_.at);
    const uint16_t id = load(entry.id);
    const uint16_t descriptors = id < shape_.size ? memory_.slots[id].descriptors : uint16_t{0};
    const auto completion = finish(id, load(entry.len));
    if (!completion) return std::nullopt;
    release(id, 1);
    next_used_ = advanced(next_used_, descriptors);
    return completion;
}

void PackedQueue::disable_interrupts() { store(driver_event().flags, uint16_t{VRING_PACKED_EVENT_FLAG_DISABLE}); }

bool PackedQueue::ask_for_interrupt(uint16_t after) {
    // Each request has at least one descriptor.
    const Position event = advanced(next_used_, static_cast<uint16_t>(after - 1));
    if (shape_.event_index) {
        store(driver_event().off_wrap, static_cast<uint16_t>(event.at | (event.wrap ? 1 << VRING_PACKED_EVENT_F_WRAP_CTR : 0)));
        store_release(driver_event().flags, uint16_t{VRING_PACKED_EVENT_FLAG_DESC});
    } else {
        store(driver_event().flags, uint16_t{VRING_PACKED_EVENT_FLAG_ENABLE});
    }
    full_barrier();
    // The device may have come past that place with a chain that does not end there: then the first one tells.
    return in_flight_ > 0 && is_used(next_used_);
}

}  // namespace eremite::virtio

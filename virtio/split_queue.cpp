#include "virtio/split_queue.hpp"


#include "base/panic.hpp"

namespace eremite::virtio {

SplitQueue::SplitQueue(const QueueShape& shape, const QueueMemory& memory, QueueOwner& owner, uint16_t index)
    : Queue{shape, memory, owner, index} {
    require((shape.size & (shape.size - 1)) == 0 && !shape.packed, "virtio: malformed split queue");
}

Result<void> SplitQueue::add(std::span<const Segment> readable, std::span<const Segment> writable, void* token) {
    const Request request = TRY(check(readable, writable));
    const uint16_t head = first_free_;
    // Fills descriptors of `entries` from `first` on, where next(i) comes behind i. Returns what comes behind the last one.
    const auto fill = [&](vring_desc* entries, uint16_t first, auto next) {
        uint16_t i = first, left = request.segments;
        const auto put = [&](const Segment& segment, uint16_t flags) {
            const uint16_t following = next(i);
            if (--left > 0) flags |= VRING_DESC_F_NEXT;
            entries[i] = {segment.address.value, segment.length, flags, left > 0 ? following : uint16_t{0}};
            i = following;
        };
        for (const Segment& segment : readable) put(segment, 0);
        for (const Segment& segment : writable) put(segment, VRING_DESC_F_WRITE);
        return i;
    };
    auto* const ring = at<vring_desc>(0);
    if (is_indirect(request.segments)) {
        fill(table<vring_desc>(head), 0, [](uint16_t i) { return static_cast<uint16_t>(i + 1); });
        ring[head] = {table_address(head).value, static_cast<uint32_t>(request.segments * descriptor_size), VRING_DESC_F_INDIRECT, 0};
        first_free_ = memory_.slots[head].next;
        begin(head, request, 1, token);
    } else {
        first_free_ = fill(ring, head, [this](uint16_t i) { return memory_.slots[i].next; });
        begin(head, request, request.segments, token);
    }
    store(available_entry(next_available_), head);
    store_release(available().index, ++next_available_);
    return {};
}

bool SplitQueue::wants_kick() {
    const uint16_t before = kicked_;
    if (next_available_ == before) return false;
    kicked_ = next_available_;
    full_barrier();
    if (shape_.event_index) return event_passed(load(available_event()), next_available_, before);
    return !(load(used().flags) & VRING_USED_F_NO_NOTIFY);
}

std::optional<Completion> SplitQueue::take() {
    if (owner_.health() != Health::Working) return take_abandoned();
    const auto waiting = static_cast<uint16_t>(load_acquire(used().index) - next_used_);
    if (waiting == 0) return std::nullopt;
    if (waiting > in_flight_) {
        owner_.fail("more answers than requests");
        return std::nullopt;
    }
    const vring_used_elem& entry = used_entry(next_used_);
    const uint32_t id = load(entry.id);
    const uint16_t descriptors = id < shape_.size ? memory_.slots[id].descriptors : uint16_t{0};
    const auto completion = finish(id, load(entry.len));
    if (!completion) return std::nullopt;
    release(static_cast<uint16_t>(id), descriptors);
    ++next_used_;
    return completion;
}

void SplitQueue::disable_interrupts() {
    // With event indexes the one that was asked for lies behind once it came; this moves away one that was not.
    if (shape_.event_index) store(used_event(), static_cast<uint16_t>(next_used_ - 1));
    else store(available().flags, uint16_t{VRING_AVAIL_F_NO_INTERRUPT});
}

bool SplitQueue::ask_for_interrupt(uint16_t after) {
    if (shape_.event_index) store(used_event(), static_cast<uint16_t>(next_used_ + after - 1));
    else store(available().flags, uint16_t{0});
    full_barrier();
    return static_cast<uint16_t>(load(used().index) - next_used_) >= (shape_.event_index ? after : 1);
}

}  // namespace eremite::virtio

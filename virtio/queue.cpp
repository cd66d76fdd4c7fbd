#include "virtio/queue.hpp"

#include <algorithm>

#include "base/panic.hpp"

namespace eremite::virtio {

Queue::Queue(const QueueShape& shape, const QueueMemory& memory, QueueOwner& owner, uint16_t index)
    : shape_{shape}, layout_{layout_of(shape)}, memory_{memory}, owner_{owner}, index_{index}, free_{shape.size} {
    require(shape.size > 0 && shape.size <= largest_queue && memory.slots.size() == shape.size, "virtio: malformed queue");
    for (uint16_t i = 0; i < shape.size; ++i) memory_.slots[i] = {nullptr, 0, static_cast<uint16_t>(i + 1), 0};
}

Result<Queue::Request> Queue::check(std::span<const Segment> readable, std::span<const Segment> writable) const {
    if (owner_.health() != Health::Working) return Error{EIO};
    // A device cannot be asked for more than 4 GiB at once (section 2.7.5.2).
    uint64_t bytes = 0, writable_bytes = 0;
    bool empty = false;
    for (const Segment& s : readable) {
        bytes += s.length;
        empty |= s.length == 0;
    }
    for (const Segment& s : writable) {
        writable_bytes += s.length;
        empty |= s.length == 0;
    }
    const size_t segments = readable.size() + writable.size();
    const size_t wanted = needed(segments);
    if (segments == 0 || empty || wanted > shape_.size || bytes + writable_bytes > UINT32_MAX) return Error{EINVAL};
    if (wanted > free_) return Error{ENOSPC};
    return Request{static_cast<uint16_t>(segments), static_cast<uint32_t>(writable_bytes)};
}

bool Queue::enable_interrupts(uint16_t completions) {
    const uint16_t most = std::max<uint16_t>(in_flight_, 1);
    // Of a device that does not work, nothing comes that could be missed.
    return owner_.health() == Health::Working && ask_for_interrupt(std::clamp<uint16_t>(completions, 1, most));
}

void Queue::begin(uint16_t id, Request request, uint16_t descriptors, void* token) {
    Slot& slot = memory_.slots[id];
    slot.token = token;
    slot.writable = request.writable;
    slot.descriptors = descriptors;
    free_ = static_cast<uint16_t>(free_ - descriptors);
    ++in_flight_;
}

std::optional<Completion> Queue::finish(uint32_t id, uint32_t written) {
    if (id >= shape_.size || memory_.slots[id].descriptors == 0) {
        owner_.fail("an answer to no request");
        return std::nullopt;
    }
    Slot& slot = memory_.slots[id];
    // Devices of before version 1 are known to put anything there (section 2.7.8.1).
    if (written > slot.writable && !shape_.legacy) {
        owner_.fail("more written than there was room for");
        return std::nullopt;
    }
    free_ = static_cast<uint16_t>(free_ + slot.descriptors);
    --in_flight_;
    slot.descriptors = 0;
    return Completion{slot.token, std::min(written, slot.writable), 0};
}

void Queue::release(uint16_t id, uint16_t count) {
    uint16_t last = id;
    while (--count > 0) last = memory_.slots[last].next;
    memory_.slots[last].next = first_free_;
    first_free_ = id;
}

std::optional<Completion> Queue::take_abandoned() {
    if (owner_.health() != Health::Stopped) return std::nullopt;
    for (; in_flight_ > 0 && abandoned_ < shape_.size; ++abandoned_) {
        Slot& slot = memory_.slots[abandoned_];
        if (slot.descriptors == 0) continue;
        slot.descriptors = 0;
        --in_flight_;
        return Completion{slot.token, 0, EIO};
    }
    return std::nullopt;
}

}  // namespace eremite::virtio

#include "fake_device.hpp"

#include "virtio/packed_queue.hpp"
#include "virtio/split_queue.hpp"

namespace eremite::test {

namespace {

void insist(bool holds, const char* what) {
    if (!holds) throw BadDriver{what};
}

}  // namespace

void FakeDevice::add_segment(DeviceRequest& request, uint64_t address, uint32_t length, bool writable) const {
    insist(writable || request.writable.empty(), "a readable segment behind a writable one");
    insist(length > 0, "an empty segment");
    (writable ? request.writable : request.readable).push_back({PhysicalAddress{address}, length});
}

SplitDevice::SplitDevice(const virtio::Queue& queue, uint64_t shift)
    : FakeDevice{shift}, size_{queue.shape().size}, event_index_{queue.shape().event_index}, table_{pointer<vring_desc>(queue.descriptors())},
      available_{pointer<uint16_t>(queue.driver_area())}, used_{pointer<uint16_t>(queue.device_area())} {
    insist(queue.descriptors().is_aligned(16) && queue.driver_area().is_aligned(2) && queue.device_area().is_aligned(4), "alignment");
}

std::optional<DeviceRequest> SplitDevice::pop() {
    if (available_[1] == next_) return std::nullopt;
    insist(static_cast<uint16_t>(available_[1] - next_) <= size_, "more available than the ring holds");
    DeviceRequest request{available_[2 + next_++ % size_], 0, false, {}, {}};
    insist(request.id < size_, "a head outside of the table");
    const vring_desc* table = table_;
    uint32_t limit = size_;
    uint16_t at = request.id;
    if (table[at].flags & VRING_DESC_F_INDIRECT) {
        request.indirect = true;
        request.descriptors = 1;
        insist(!(table[at].flags & VRING_DESC_F_NEXT) && table[at].len % 16 == 0, "a malformed indirect descriptor");
        limit = table[at].len / 16;
        table = pointer<vring_desc>(PhysicalAddress{table[at].addr});
        at = 0;
    }
    for (uint32_t count = 1;; ++count) {
        insist(at < limit && count <= limit, "a chain that leaves its table");
        const vring_desc& d = table[at];
        insist(!(d.flags & VRING_DESC_F_INDIRECT), "an indirect descriptor inside");
        add_segment(request, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
        if (!request.indirect) ++request.descriptors;
        if (!(d.flags & VRING_DESC_F_NEXT)) return request;
        at = d.next;
    }
}

void SplitDevice::put_used(uint32_t id, uint32_t length) {
    used_entry(used_[1]) = {id, length};
    ++used_[1];
}

void SplitDevice::complete(const DeviceRequest& request, uint32_t written) { put_used(request.id, written); }

bool SplitDevice::interrupts() {
    const uint16_t before = signalled_, now = used_[1];
    if (before == now) return false;
    signalled_ = now;
    if (!event_index_) return !(available_[0] & VRING_AVAIL_F_NO_INTERRUPT);
    const uint16_t event = available_[2 + size_];
    return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
}

void SplitDevice::ask_for_notification() {
    if (event_index_) reinterpret_cast<uint16_t*>(reinterpret_cast<vring_used_elem*>(used_ + 2) + size_)[0] = next_;
    else used_[0] = 0;
}

void SplitDevice::refuse_notifications() {
    if (!event_index_) used_[0] = VRING_USED_F_NO_NOTIFY;
}

PackedDevice::PackedDevice(const virtio::Queue& queue, uint64_t shift)
    : FakeDevice{shift}, size_{queue.shape().size}, event_index_{queue.shape().event_index}, ring_{pointer<vring_packed_desc>(queue.descriptors())},
      driver_{pointer<vring_packed_desc_event>(queue.driver_area())}, device_{pointer<vring_packed_desc_event>(queue.device_area())} {
    insist(queue.descriptors().is_aligned(16) && queue.driver_area().is_aligned(4) && queue.device_area().is_aligned(4), "alignment");
}

void PackedDevice::advance(Place& place, uint16_t count) const {
    place.at = static_cast<uint16_t>(place.at + count);
    if (place.at < size_) return;
    place.at = static_cast<uint16_t>(place.at - size_);
    place.wrap = !place.wrap;
}

std::optional<DeviceRequest> PackedDevice::pop() {
    const auto available = [this](Place p) {
        const bool a = ring_[p.at].flags >> 7 & 1, u = ring_[p.at].flags >> 15 & 1;
        return a == p.wrap && u != p.wrap;
    };
    if (!available(next_)) return std::nullopt;
    DeviceRequest request{0, 0, false, {}, {}};
    for (;;) {
        insist(available(next_), "a chain whose end is not available");
        insist(request.descriptors < size_, "a chain longer than the ring");
        const vring_packed_desc d = ring_[next_.at];
        advance(next_, 1);
        ++request.descriptors;
        request.id = d.id;
        if (d.flags & VRING_DESC_F_INDIRECT) {
            insist(request.descriptors == 1 && !(d.flags & VRING_DESC_F_NEXT) && d.len % 16 == 0 && d.len > 0, "a malformed indirect descriptor");
            request.indirect = true;
            const auto* table = pointer<vring_packed_desc>(PhysicalAddress{d.addr});
            for (uint32_t i = 0; i < d.len / 16; ++i) {
                insist(!(table[i].flags & ~VRING_DESC_F_WRITE), "flags in an indirect table");
                add_segment(request, table[i].addr, table[i].len, table[i].flags & VRING_DESC_F_WRITE);
            }
            return request;
        }
        add_segment(request, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
        if (!(d.flags & VRING_DESC_F_NEXT)) return request;
    }
}

void PackedDevice::put_used(uint16_t id, uint32_t length, uint16_t descriptors) {
    vring_packed_desc& d = ring_[used_.at];
    d.id = id;
    d.len = length;
    d.flags = used_.wrap ? 1 << 7 | 1 << 15 : 0;
    advance(used_, descriptors);
    unsignalled_ = static_cast<uint16_t>(unsignalled_ + descriptors);
}

void PackedDevice::complete(const DeviceRequest& request, uint32_t written) { put_used(request.id, written, request.descriptors); }

bool PackedDevice::interrupts() {
    const uint16_t count = unsignalled_;
    unsignalled_ = 0;
    if (count == 0 || driver_->flags == VRING_PACKED_EVENT_FLAG_DISABLE) return false;
    if (driver_->flags == VRING_PACKED_EVENT_FLAG_ENABLE) return true;
    insist(driver_->flags == VRING_PACKED_EVENT_FLAG_DESC && event_index_, "event flags");
    auto event = static_cast<uint16_t>(driver_->off_wrap & 0x7fff);
    insist(event < size_, "an event outside of the ring");
    if ((driver_->off_wrap >> 15 != 0) != used_.wrap) event = static_cast<uint16_t>(event - size_);
    return static_cast<uint16_t>(used_.at - event - 1) < count;
}

void PackedDevice::ask_for_notification() {
    device_->off_wrap = static_cast<uint16_t>(next_.at | (next_.wrap ? 1 << 15 : 0));
    device_->flags = event_index_ ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE;
}

void PackedDevice::refuse_notifications() { device_->flags = VRING_PACKED_EVENT_FLAG_DISABLE; }

std::unique_ptr<FakeDevice> make_fake_device(const virtio::Queue& queue, uint64_t shift) {
    if (queue.shape().packed) return std::make_unique<PackedDevice>(queue, shift);
    return std::make_unique<SplitDevice>(queue, shift);
}

Machine::Machine(const virtio::QueueShape& shape) : bytes_{layout_of(shape).bytes} {
    shared_.reset(new (std::align_val_t{page_size}) uint8_t[bytes_]{});
    slots_ = std::make_unique<virtio::Slot[]>(shape.size);
    const virtio::QueueMemory memory{shared_.get(), PhysicalAddress{reinterpret_cast<uint64_t>(shared_.get())}, {slots_.get(), shape.size}};
    if (shape.packed) queue_ = std::make_unique<virtio::PackedQueue>(shape, memory, *this, 0);
    else queue_ = std::make_unique<virtio::SplitQueue>(shape, memory, *this, 0);
    device_ = make_fake_device(*queue_);
}

}  // namespace eremite::test

#include "tests/unit/vmm_net/driver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace eremite::test {

using vmm::net::Header;
using vmm::net::header_size;

Bytes pattern(size_t size, uint8_t seed) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(seed + i + i / 251);
    return bytes;
}

size_t FakeChannel::receive(std::span<const iovec> pieces) {
    ++reads;
    if (incoming.empty()) return 0;
    const Frame frame = std::move(incoming.front());
    incoming.pop_front();
    size_t size = vmm::virtio::copy_to(pieces, 0, std::as_bytes(std::span{&frame.header, 1}));
    return size + vmm::virtio::copy_to(pieces, size, std::as_bytes(std::span{frame.bytes}));
}

vmm::net::Channel::Sent FakeChannel::send(std::span<const iovec> pieces) {
    if (sent.size() >= room) return Sent::Not_yet;
    Frame& frame = sent.emplace_back();
    (void)vmm::virtio::copy_from(pieces, 0, std::as_writable_bytes(std::span{&frame.header, 1}));
    const size_t size = std::accumulate(pieces.begin(), pieces.end(), size_t{0}, [](size_t n, const iovec& p) { return n + p.iov_len; });
    frame.bytes.resize(size - header_size);
    (void)vmm::virtio::copy_from(pieces, header_size, std::as_writable_bytes(std::span{frame.bytes}));
    return Sent::Done;
}

void BothSides::fail(std::string_view why) {
    ADD_FAILURE() << "the driver finds a broken queue: " << why;
    health_ = virtio::Health::Broken;
}

Machine::~Machine() { stop(); }

FakeBackend& Machine::make_device(size_t channels, uint64_t offloads, const vmm::net::Settings& settings) {
    auto backend = std::make_unique<FakeBackend>(channels, offloads);
    fake_ = backend.get();
    make_device(std::move(backend), settings);
    return *fake_;
}

void Machine::make_device(std::unique_ptr<vmm::net::Backend> backend, const vmm::net::Settings& settings) {
    device_ = std::make_unique<vmm::net::NetDevice>(*this, std::move(backend), settings);
}

uint64_t Machine::allocate(size_t size) {
    constexpr uint64_t alignment = 64;
    return std::exchange(next_, (next_ + size + alignment - 1) / alignment * alignment);
}

uint8_t* Machine::at(uint64_t address, size_t size) const {
    const auto piece = memory_.piece(address, size);
    if (piece.empty()) throw std::out_of_range{"the test has no such memory"};
    // SAFETY: bytes.
    return reinterpret_cast<uint8_t*>(piece.data());
}

void Machine::make_queue(size_t index) {
    const virtio::QueueShape shape{.size = options_.queue_size, .indirect_segments = options_.indirect_segments, .event_index = options_.event_index};
    const auto layout = virtio::layout_of(shape);
    auto queue = std::make_unique<BothSides>();
    queue->notify_device = [this](uint16_t number) {
        const std::lock_guard guard{lock_};
        device_->notified(number);
    };
    queue->slots.resize(shape.size);
    queue->address = (allocate(layout.bytes + 4096) + 4095) / 4096 * 4096;
    std::memset(at(queue->address, layout.bytes), 0, layout.bytes);
    const virtio::QueueMemory area{at(queue->address, layout.bytes), PhysicalAddress{queue->address}, queue->slots};
    queue->driver = std::make_unique<virtio::SplitQueue>(shape, area, *queue, static_cast<uint16_t>(index));
    queue->device = vmm::virtio::Queue::make(memory_,
                                             {.size = shape.size,
                                              .descriptors = queue->address,
                                              .driver_area = queue->address + layout.driver_area,
                                              .device_area = queue->address + layout.device_area,
                                              .event_index = shape.event_index},
                                             [raw = queue.get()] { ++raw->interrupts; });
    queues_.push_back(std::move(queue));
}

void Machine::start(uint64_t features) {
    queues_.clear();
    buffers_.clear();
    std::vector<vmm::virtio::Queue*> device_sides;
    for (size_t i = 0; i < device_->queue_sizes().size(); ++i) {
        make_queue(i);
        device_sides.push_back(&*queues_.back()->device);
    }
    const std::lock_guard guard{lock_};
    started_ = true;
    device_->start(features, device_sides);
}

void Machine::stop() {
    const std::lock_guard guard{lock_};
    if (std::exchange(started_, false)) device_->stop();
}

void Machine::settle(size_t most) {
    for (size_t turn = 0; turn < most; ++turn) {
        loop_.run_pending();
        bool more = false;
        const std::lock_guard guard{lock_};
        for (size_t i = 0; fake_ && i < fake_->channel_count(); ++i) {
            FakeChannel& channel = fake_->channel(i);
            if (channel.wants_frames && !channel.incoming.empty()) {
                channel.listener->readable();
                more = true;
            }
            if (channel.wants_room && channel.sent.size() < channel.room) {
                channel.listener->writable();
                more = true;
            }
        }
        if (!more && turn > 4) return;
    }
}

void Machine::give_buffer(size_t pair, std::initializer_list<size_t> pieces) {
    Buffer& buffer = buffers_.emplace_back();
    for (const size_t size : pieces) buffer.segments.push_back({PhysicalAddress{allocate(size)}, static_cast<uint32_t>(size)});
    ASSERT_TRUE(receive_queue(pair).driver->add({}, buffer.segments, &buffer).ok());
}

void Machine::give_buffers(size_t pair, size_t count, size_t size) {
    for (size_t i = 0; i < count; ++i) give_buffer(pair, {size});
    kick(receive_queue(pair));
}

void Machine::kick(BothSides& queue) { queue.driver->kick(); }

std::vector<Frame> Machine::take_frames(size_t pair) {
    std::vector<Frame> frames;
    BothSides& queue = receive_queue(pair);
    const auto take = [&](Bytes& to) {
        const auto done = queue.driver->take();
        if (!done) return false;
        size_t left = done->written;
        for (const virtio::Segment& segment : static_cast<Buffer*>(done->token)->segments) {
            const size_t count = std::min<size_t>(left, segment.length);
            if (count == 0) break;
            const uint8_t* const from = at(segment.address.value, count);
            to.insert(to.end(), from, from + count);
            left -= count;
        }
        return true;
    };
    for (Bytes bytes; take(bytes); bytes.clear()) {
        Frame& frame = frames.emplace_back();
        unsigned taken = 1;
        while (bytes.size() < header_size && take(bytes)) ++taken;
        if (bytes.size() >= header_size) std::memcpy(&frame.header, bytes.data(), header_size);
        buffers_of_last_frame_ = frame.header.num_buffers;
        for (; taken < frame.header.num_buffers; ++taken)
            if (!take(bytes)) ADD_FAILURE() << "a frame is not complete";
        frame.bytes.assign(bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), header_size)), bytes.end());
    }
    return frames;
}

void Machine::add_frame(size_t pair, const Frame& frame, size_t piece) {
    Bytes bytes(header_size);
    std::memcpy(bytes.data(), &frame.header, header_size);
    bytes.insert(bytes.end(), frame.bytes.begin(), frame.bytes.end());
    const uint64_t address = allocate(bytes.size());
    std::memcpy(at(address, bytes.size()), bytes.data(), bytes.size());
    std::vector<virtio::Segment> segments;
    for (size_t done = 0; done < bytes.size();) {
        const size_t count = std::min(piece, bytes.size() - done);
        segments.push_back({PhysicalAddress{address + done}, static_cast<uint32_t>(count)});
        done += count;
    }
    ASSERT_TRUE(send_queue(pair).driver->add(segments, {}, this).ok());
}

uint8_t Machine::command(size_t index, const Bytes& message) {
    constexpr uint8_t none = 0xee;
    BothSides& control = queue(index);
    const uint64_t text = allocate(message.size()), answer = allocate(1);
    std::memcpy(at(text, message.size()), message.data(), message.size());
    *at(answer, 1) = none;
    const virtio::Segment readable[] = {{PhysicalAddress{text}, static_cast<uint32_t>(message.size())}};
    const virtio::Segment writable[] = {{PhysicalAddress{answer}, 1}};
    EXPECT_TRUE(control.driver->add(readable, writable, this).ok());
    kick(control);
    settle();
    const auto done = control.driver->take();
    EXPECT_TRUE(done && done->written == 1);
    return *at(answer, 1);
}

}  // namespace eremite::test

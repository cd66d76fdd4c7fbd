// The fuzzer plays the device of a virtqueue. Input: a byte with the kind of queue, then steps of a byte each: what the driver
// does, or what the device writes into the memory that both share, with its operands.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "virtio/packed_queue.hpp"
#include "virtio/split_queue.hpp"

using namespace eremite;
using test::Input;
using test::require;

namespace eremite {

void panic(std::string_view) { std::abort(); }

}  // namespace eremite

namespace {

struct Owner final : virtio::QueueOwner {
    void notify(uint16_t) override {}
    void fail(std::string_view) override { health_ = virtio::Health::Broken; }
    void stop() { health_ = virtio::Health::Stopped; }
};

virtio::QueueShape shape_from(uint8_t kind) {
    virtio::QueueShape shape;
    shape.packed = kind & 1;
    shape.event_index = kind & 2;
    shape.indirect_segments = kind & 4 ? 4 : 0;
    shape.legacy = !shape.packed && (kind & 8);
    shape.size = shape.packed && (kind & 16) ? 7 : 8;
    return shape;
}

// Memory of the exact size, so that AddressSanitizer sees what goes beyond.
class Shared {
public:
    explicit Shared(size_t size) : size_{size}, bytes_{new (std::align_val_t{page_size}) uint8_t[size]{}} {}
    ~Shared() { ::operator delete[](bytes_, std::align_val_t{page_size}); }
    Shared(const Shared&) = delete;
    uint8_t* bytes() { return bytes_; }
    [[nodiscard]] size_t size() const { return size_; }

private:
    size_t size_;
    uint8_t* bytes_;
};

class Driver {
public:
    explicit Driver(const virtio::QueueShape& shape) : shape_{shape}, shared_{layout_of(shape).bytes}, slots_{std::make_unique<virtio::Slot[]>(shape.size)} {
        const virtio::QueueMemory memory{shared_.bytes(), PhysicalAddress{0x1000}, {slots_.get(), shape.size}};
        if (shape.packed) queue_ = std::make_unique<virtio::PackedQueue>(shape, memory, owner_, 0);
        else queue_ = std::make_unique<virtio::SplitQueue>(shape, memory, owner_, 0);
    }

    void add(uint8_t form) {
        std::array<virtio::Segment, 9> segments;
        uint32_t writable = 0;
        const size_t count = form % segments.size(), readable = (form >> 4) % (count + 1);
        for (size_t i = 0; i < count; ++i) {
            segments[i] = {PhysicalAddress{0x10000 * (i + 1)}, static_cast<uint32_t>(form * 7 + i + 1)};
            if (i >= readable) writable += segments[i].length;
        }
        const bool room = queue_->has_room(count);
        const auto added = queue_->add({segments.data(), readable}, {segments.data() + readable, count - readable}, reinterpret_cast<void*>(next_));
        if (owner_.health() != virtio::Health::Working) require(added.code() == EIO);
        else if (count == 0) require(added.code() == EINVAL);
        else require(added.ok() == room);
        if (added.ok()) under_way_[next_++] = writable;
    }

    void take() {
        const auto before = owner_.health();
        const auto done = queue_->take();
        if (!done) return;
        require(before != virtio::Health::Broken);
        const auto found = under_way_.find(reinterpret_cast<uintptr_t>(done->token));
        require(found != under_way_.end() && done->written <= found->second);
        require(done->error == (before == virtio::Health::Stopped ? EIO : 0));
        under_way_.erase(found);
    }

    void step(Input& input) {
        switch (input.byte() % 8) {
        case 0: return add(input.byte());
        case 1: return take();
        case 2: return queue_->kick();
        case 3: (void)queue_->enable_interrupts(input.byte()); return;
        case 4: return queue_->disable_interrupts();
        case 5: {  // anywhere
            const size_t at = input.half() % shared_.size();
            shared_.bytes()[at] = input.byte();
            return;
        }
        case 6: {  // the used ring's index, or a descriptor's flags
            const auto layout = layout_of(shape_);
            const uint16_t value = input.half();
            const size_t at = shape_.packed ? input.byte() % shape_.size * virtio::descriptor_size + 14 : layout.device_area + 2;
            std::memcpy(shared_.bytes() + at, &value, sizeof value);
            return;
        }
        default: {  // an answer
            const auto layout = layout_of(shape_);
            const uint8_t place = input.byte() % shape_.size, id = input.byte(), length = input.byte();
            uint8_t* const at = shared_.bytes() + (shape_.packed ? place * virtio::descriptor_size + 8 : layout.device_area + 4 + place * 8U);
            const uint32_t words[] = {shape_.packed ? length : id, shape_.packed ? id : length};
            std::memcpy(at, words, shape_.packed ? 6 : 8);
            return;
        }
        }
    }

    // However it went, everything comes back.
    void end() {
        owner_.stop();
        const size_t count = under_way_.size();
        for (size_t i = 0; i < count; ++i) take();
        require(under_way_.empty() && queue_->in_flight() == 0 && !queue_->take());
    }

private:
    virtio::QueueShape shape_;
    Shared shared_;
    std::unique_ptr<virtio::Slot[]> slots_;
    Owner owner_;
    std::unique_ptr<virtio::Queue> queue_;
    std::map<uintptr_t, uint32_t> under_way_;  // token, writable bytes
    uintptr_t next_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input{data, size};
    Driver driver{shape_from(input.byte())};
    while (!input.empty()) driver.step(input);
    driver.end();
    return 0;
}

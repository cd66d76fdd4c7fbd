#pragma once
// A virtqueue as the driver has it (virtio 1.2 section 2.6): requests go in as lists of memory segments and come back with the
// number of bytes that the device wrote. Nothing here allocates, and nothing that the device writes is trusted: a device that
// breaks the protocol is reported to the queue's owner, who stops it, and then every request that is under way comes back with EIO.
//
// A queue has no lock: its user calls it from one CPU at a time. What the device shares is read once and checked; what the
// driver must find again it keeps in memory of its own (`Slot`).
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"
#include "virtio/layout.hpp"

namespace eremite::virtio {

// A piece of memory by the address that the device uses. Never empty.
struct Segment {
    PhysicalAddress address;
    uint32_t length;
};

struct Completion {
    void* token;       // as given to add()
    uint32_t written;  // bytes, no more than were writable
    int error;         // 0; EIO: the device was stopped before it answered
};

// Working: in order. Broken: the device did what it must not, and may still access memory. Stopped: it does not any more.
enum class Health : uint8_t { Working, Broken, Stopped };

// The device that a queue belongs to.
class QueueOwner {
public:
    // Tells the device that there is something new in its queue.
    virtual void notify(uint16_t queue) = 0;
    // The device breaks the protocol: it has to be stopped. Called by the queue's user, with the locks that it holds.
    virtual void fail(std::string_view why) = 0;
    [[nodiscard]] Health health() const { return health_.load(std::memory_order_acquire); }

protected:
    ~QueueOwner() = default;
    std::atomic<Health> health_{Health::Working};
};

// What the driver remembers of a descriptor.
struct Slot {
    void* token;
    uint32_t writable;     // bytes of the request that starts here
    uint16_t next;         // in the list of free ones, or in a chain
    uint16_t descriptors;  // of the request that starts here; 0: none does
};

struct QueueMemory {
    void* shared;  // layout_of(shape).bytes, zeroed
    PhysicalAddress address;  // of `shared`, as the device sees it
    std::span<Slot> slots;    // one for each descriptor
};

class Queue {
public:
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;
    virtual ~Queue() = default;

    // Hands over a request: segments that the device reads, then segments that it writes. They are the device's until the
    // request comes back. ENOSPC: no room, take() first; EINVAL: nothing in it, an empty segment, more than can ever fit;
    // EIO: the device does not work.
    [[nodiscard]] virtual Result<void> add(std::span<const Segment> readable, std::span<const Segment> writable, void* token) = 0;
    // Whether the device wants to be told of what was added since the last time.
    [[nodiscard]] virtual bool wants_kick() = 0;
    // To be called after one or several add(): tells the device, if it wants that.
    void kick() {
        if (wants_kick()) owner_.notify(index_);
    }

    // A request that is done. Of a stopped device: one that was under way.
    [[nodiscard]] virtual std::optional<Completion> take() = 0;

    // Interrupts are on at first. What comes while they are off is found by enable_interrupts.
    virtual void disable_interrupts() = 0;
    // Asks for an interrupt, once, when `completions` more requests are done (those under way, if that is less; the device may
    // be earlier). True: that may have been too late, so take() has to be called again. To be called after each interrupt.
    [[nodiscard]] bool enable_interrupts(uint16_t completions = 1);

    // Whether a request of so many segments finds room.
    [[nodiscard]] bool has_room(size_t segments) const { return needed(segments) <= free_; }
    // Requests under way.
    [[nodiscard]] uint16_t in_flight() const { return in_flight_; }
    [[nodiscard]] uint16_t index() const { return index_; }
    [[nodiscard]] const QueueShape& shape() const { return shape_; }
    // For the transport.
    [[nodiscard]] PhysicalAddress descriptors() const { return memory_.address; }
    [[nodiscard]] PhysicalAddress driver_area() const { return memory_.address + layout_.driver_area; }
    [[nodiscard]] PhysicalAddress device_area() const { return memory_.address + layout_.device_area; }

protected:
    struct Request {
        uint16_t segments;
        uint32_t writable;  // bytes
    };

    Queue(const QueueShape& shape, const QueueMemory& memory, QueueOwner& owner, uint16_t index);

    // enable_interrupts with what can be: one completion or more, of no more than are under way, unless there are none.
    [[nodiscard]] virtual bool ask_for_interrupt(uint16_t after) = 0;
    // What of add() holds for every ring. Errors as there.
    [[nodiscard]] Result<Request> check(std::span<const Segment> readable, std::span<const Segment> writable) const;
    // How many descriptors of the ring a request takes.
    [[nodiscard]] bool is_indirect(size_t segments) const { return segments > 1 && segments <= shape_.indirect_segments; }
    [[nodiscard]] size_t needed(size_t segments) const { return is_indirect(segments) ? 1 : segments; }
    // The table of descriptor or request `id`.
    [[nodiscard]] PhysicalAddress table_address(uint16_t id) const { return memory_.address + table_offset(id); }
    template <typename T>
    [[nodiscard]] T* table(uint16_t id) const { return at<T>(table_offset(id)); }
    // A part of the shared memory.
    template <typename T>
    [[nodiscard]] T* at(size_t offset) const {
        // SAFETY: the memory holds the whole layout, whose offsets are aligned for what stands there.
        return reinterpret_cast<T*>(static_cast<uint8_t*>(memory_.shared) + offset);
    }

    void begin(uint16_t id, Request request, uint16_t descriptors, void* token);
    // The device says that request `id` is done. Nothing: that cannot be, and the owner knows.
    [[nodiscard]] std::optional<Completion> finish(uint32_t id, uint32_t written);
    // Puts the descriptors of a request back. `count` of them are linked behind `id`.
    void release(uint16_t id, uint16_t count);
    // take() where the device does not work.
    [[nodiscard]] std::optional<Completion> take_abandoned();

    const QueueShape shape_;
    const QueueLayout layout_;
    const QueueMemory memory_;
    QueueOwner& owner_;
    const uint16_t index_;
    uint16_t free_;            // descriptors
    uint16_t first_free_ = 0;  // slot
    uint16_t in_flight_ = 0;   // requests

private:
    [[nodiscard]] size_t table_offset(uint16_t id) const {
        return layout_.indirect + size_t{id} * shape_.indirect_segments * descriptor_size;
    }

    uint16_t abandoned_ = 0;  // how far take_abandoned has come
};

// Memory that the device may change at any time: each access is one access of the machine.
template <typename T>
[[nodiscard]] inline T load(const T& place) { return __atomic_load_n(&place, __ATOMIC_RELAXED); }
template <typename T>
[[nodiscard]] inline T load_acquire(const T& place) { return __atomic_load_n(&place, __ATOMIC_ACQUIRE); }
template <typename T>
inline void store(T& place, T value) { __atomic_store_n(&place, value, __ATOMIC_RELAXED); }
template <typename T>
inline void store_release(T& place, T value) { __atomic_store_n(&place, value, __ATOMIC_RELEASE); }

// Between a store that the device reads and a load of what it stores (section 2.7.13.4.1).
inline void full_barrier() { std::atomic_thread_fence(std::memory_order_seq_cst); }

// Whether an event that was asked for at index `event` lies among those from `before` up to `now` (section 2.7.10).
[[nodiscard]] constexpr bool event_passed(uint16_t event, uint16_t now, uint16_t before) {
    return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
}

}  // namespace eremite::virtio

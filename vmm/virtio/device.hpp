#pragma once
// What stands behind a virtio transport: a device of one kind, and what it needs of its surroundings.
//
// A device has a thread of its own, which runs its loop. All functions here are called with the device's lock held (by the transport, in whatever
// thread), and a device's own handlers in its loop take it first: so a device needs no other lock, and nothing of it runs after stop() returned.
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "vmm/event_loop.hpp"
#include "vmm/sandbox/needs.hpp"
#include "vmm/snapshot/state.hpp"
#include "vmm/virtio/queue.hpp"

namespace eremite::vmm::virtio {

// What a device may ask for, at any time.
class Host {
public:
    // Handlers may be added at the device's construction or within its functions.
    [[nodiscard]] virtual EventLoop& loop() = 0;
    [[nodiscard]] virtual std::mutex& lock() = 0;
    // The device's configuration is another now, and the driver is told. Requires the lock.
    virtual void configuration_changed() = 0;
    // The driver broke the protocol, or a queue is broken: it is asked to reset the device (section 2.1.2). Requires the lock.
    virtual void needs_reset(std::string_view why) = 0;

protected:
    ~Host() = default;
};

class Device {
public:
    virtual ~Device() = default;
    // Section 5: VIRTIO_ID_*.
    [[nodiscard]] virtual uint32_t type() const = 0;
    // For messages, as "net0".
    [[nodiscard]] virtual std::string_view name() const = 0;
    // Bits of the device's own kind, below those of the rings and the transport.
    [[nodiscard]] virtual uint64_t features() const { return 0; }
    // The largest size of each queue; powers of two.
    [[nodiscard]] virtual std::span<const uint16_t> queue_sizes() const = 0;
    // The device's configuration space; bytes beyond it are 0, and are not written. `to` is zeroed.
    virtual void read_configuration(uint32_t offset, std::span<std::byte> to) const {
        (void)offset;
        (void)to;
    }
    virtual void write_configuration(uint32_t offset, std::span<const std::byte> from) {
        (void)offset;
        (void)from;
    }
    // The driver is ready. `features` are those it accepted; null queues are those it did not set up. They are valid until stop().
    virtual void start(uint64_t features, std::span<Queue* const> queues) = 0;
    // The driver resets the device: no memory of the guest's is touched any more afterwards. Comes only after start(), once, and always.
    virtual void stop() = 0;
    // What the device asks of the host's kernel from now on. Called before the device's thread starts.
    virtual void list_needs(sandbox::Needs& needs) const { (void)needs; }
    // Threads beyond the device's own are made here, by a process that has given up its rights: threads keep those that they begin with. Called before
    // the device's thread starts, without the lock.
    virtual void make_threads() {}
    // There may be something new in a queue.
    virtual void notified(uint16_t queue) = 0;

    // For a snapshot, which is written under the lock of each device. A device that has no more of a request than that it took it from its queue need
    // do nothing: after the restore it finds it there again.
    // Ends what the host's kernel does in the guest's memory.
    virtual void finish() {}
    // What start() does not know. To be called between start() and stop(); restore() right behind start(). Throws Error: this cannot go into a
    // snapshot; the snapshot is damaged.
    virtual void save(StateWriter& state) const { (void)state; }
    virtual void restore(StateReader& state) { (void)state; }
};

// Copies what is at `offset` of a configuration space.
template <typename T>
void read_structure(const T& configuration, uint32_t offset, std::span<std::byte> to) {
    const auto bytes = std::as_bytes(std::span{&configuration, 1});
    for (size_t i = 0; i < to.size() && offset + i < bytes.size(); ++i) to[i] = bytes[offset + i];
}

// The bytes of `pieces`, from `skip` on, to `to` or from `from`. Returns how many: all, unless they end before.
size_t copy_from(std::span<const iovec> pieces, size_t skip, std::span<std::byte> to);
size_t copy_to(std::span<const iovec> pieces, size_t skip, std::span<const std::byte> from);

}  // namespace eremite::vmm::virtio

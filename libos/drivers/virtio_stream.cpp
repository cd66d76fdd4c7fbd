// A virtio console (virtio 1.2 section 5.3) as a stream: where a serial port takes a trap of the machine for each byte, many bytes are one request.
#include <linux/virtio_ids.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/restart.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/arch/smp.hpp"
#include "libos/drivers/stream.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/drivers/virtio/start_driver.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

enum QueueIndex : uint16_t { input_queue, output_queue };
// With so many requests under way the device is busy, and more is gathered meanwhile.
constexpr uint16_t busy = 2;

unsigned order_of(size_t pages) {
    unsigned order = 0;
    while (size_t{1} << order < pages) ++order;
    return order;
}

class VirtioStream final : public Stream {
public:
    VirtioStream(virtio::Transport& transport, const StreamCallbacks& callbacks) : callbacks_{callbacks}, device_{transport} {}
    [[nodiscard]] Result<void> start();

    [[nodiscard]] Result<void> write(std::span<const char> text, bool nonblocking) override;
    void push() override;
    [[nodiscard]] bool writable() override;
    void flush() override;
    [[nodiscard]] std::optional<uint8_t> read() override;
    [[nodiscard]] bool listen() override { return !input_failed_ && input_->enable_interrupts(); }
    [[nodiscard]] bool input_failed() const override { return input_failed_; }

private:
    static constexpr uint16_t output_buffers = 8, input_buffers = 4;
    using Buffer = std::array<char, longest>;

    [[nodiscard]] Result<void> offer(Buffer& buffer);

    // These require the lock.
    void take_done();
    [[nodiscard]] bool has_room(size_t size) const;
    void hand_over();
    void output_interrupt();

    const StreamCallbacks callbacks_;
    sync::Spinlock lock_{sync::Rank::DeviceQueue};  // of the output
    sched::WaitQueue waiting_;                      // for room
    virtio::Device device_;
    virtio::Queue* output_ = nullptr;
    virtio::Queue* input_ = nullptr;
    std::array<Buffer*, output_buffers> free_{};
    uint16_t free_count_ = 0;
    Buffer* gathering_ = nullptr;  // holds `gathered_` bytes
    size_t gathered_ = 0;
    bool pushed_ = false;  // what was gathered is to be handed over soon

    Buffer* reading_ = nullptr;  // its bytes from `read_` up to `filled_` are left
    size_t read_ = 0, filled_ = 0;
    bool input_failed_ = false;
};


// A console is started once and stays: memory of one that fails on its way is not given back.
Result<void> VirtioStream::start() {
    TRY(device_.negotiate());
    const auto buffers = [](uint16_t count) -> Result<Buffer*> {
        return direct_map(TRY(mm::page_allocator().allocate(order_of(count * sizeof(Buffer) / page_size)))).as<Buffer>();
    };
    const unsigned cpu = arch::cpu_index();
    const virtio::Callback output_ready{[](void* self) { static_cast<VirtioStream*>(self)->output_interrupt(); }, this};
    output_ = TRY(device_.start_queue(output_queue, {.size = output_buffers, .cpu = cpu, .ready = output_ready}));
    output_->disable_interrupts();
    Buffer* const outputs = TRY(buffers(output_buffers));
    for (Buffer*& buffer : free_) buffer = &outputs[free_count_++];
    if (callbacks_.input) {
        const virtio::Callback input_ready{[](void* self) { static_cast<VirtioStream*>(self)->callbacks_.input(); }, this};
        input_ = TRY(device_.start_queue(input_queue, {.size = input_buffers, .cpu = cpu, .ready = input_ready}));
        Buffer* const inputs = TRY(buffers(input_buffers));
        for (uint16_t i = 0; i < input_buffers; ++i) TRY(offer(inputs[i]));
    }
    device_.start();
    if (input_) input_->kick();
    log::info("virtio-console: {}", device_.transport().name());
    return {};
}

void VirtioStream::take_done() {
    while (const auto done = output_->take()) free_[free_count_++] = static_cast<Buffer*>(done->token);
}

bool VirtioStream::has_room(size_t size) const { return free_count_ != 0 || (gathering_ && sizeof(Buffer) - gathered_ >= size); }

void VirtioStream::hand_over() {
    pushed_ = false;
    if (!gathering_) return;
    const virtio::Segment segment[] = {{physical_of_direct_map(VirtualAddress{gathering_}), static_cast<uint32_t>(gathered_)}};
    // The ring has a place for each buffer. A device that failed loses what is written, and is known in write().
    if (!output_->add(segment, {}, gathering_).ok()) free_[free_count_++] = gathering_;
    gathering_ = nullptr;
    gathered_ = 0;
    output_->kick();
}

Result<void> VirtioStream::write(std::span<const char> text, bool nonblocking) {
    const sync::Guard guard{lock_};
    for (;;) {
        if (device_.health() != virtio::Health::Working) return Error{EIO};
        if (has_room(text.size())) break;
        take_done();
        if (has_room(text.size())) break;
        hand_over();
        if (nonblocking) return Error{EAGAIN};
        // Half of them at once, so that a writer and the device do not take turns for each.
        if (output_->enable_interrupts(output_buffers / 2)) continue;
        if (waiting_.wait(lock_) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    }
    while (!text.empty()) {
        if (!gathering_) gathering_ = free_[--free_count_];
        const size_t piece = std::min(text.size(), sizeof(Buffer) - gathered_);
        std::memcpy(gathering_->data() + gathered_, text.data(), piece);
        gathered_ += piece;
        text = text.subspan(piece);
        if (gathered_ == sizeof(Buffer)) hand_over();
    }
    return {};
}

void VirtioStream::push() {
    const sync::Guard guard{lock_};
    if (!gathering_) return;
    take_done();
    // The interrupt hands it over, unless the device was quicker.
    pushed_ = output_->in_flight() >= busy && !output_->enable_interrupts();
    if (!pushed_) hand_over();
}

void VirtioStream::output_interrupt() {
    {
        const sync::Guard guard{lock_};
        output_->disable_interrupts();
        take_done();
        if (pushed_) hand_over();
        waiting_.wake_all();
    }
    callbacks_.room();
}

bool VirtioStream::writable() {
    const sync::Guard guard{lock_};
    for (;;) {
        take_done();
        if (free_count_ != 0 || device_.health() != virtio::Health::Working) return true;
        if (!output_->enable_interrupts()) return false;
    }
}

void VirtioStream::flush() {
    const sync::Guard guard{lock_};
    hand_over();
    while (output_->in_flight() != 0 && device_.health() == virtio::Health::Working) {
        take_done();
        arch::relax();
    }
}

Result<void> VirtioStream::offer(Buffer& buffer) {
    const virtio::Segment segment[] = {{physical_of_direct_map(VirtualAddress{&buffer}), sizeof buffer}};
    return input_->add({}, segment, &buffer);
}

std::optional<uint8_t> VirtioStream::read() {
    while (read_ == filled_) {
        if (reading_ && !offer(*reading_).ok()) input_failed_ = true;
        if (std::exchange(reading_, nullptr)) input_->kick();
        const auto done = input_->take();
        if (!done) return std::nullopt;
        if (done->error != 0) {
            input_failed_ = true;
            return std::nullopt;
        }
        reading_ = static_cast<Buffer*>(done->token);
        read_ = 0;
        filled_ = done->written;
    }
    return static_cast<uint8_t>((*reading_)[read_++]);
}

}  // namespace

Result<Stream*> claim_virtio_stream(const StreamCallbacks& callbacks) {
    virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_CONSOLE));
    return TRY(virtio::start_driver<VirtioStream>(*transport, callbacks));
}

}  // namespace eremite::drivers

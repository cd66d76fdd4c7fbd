#include "libos/drivers/virtio_rng.hpp"

#include <linux/virtio_ids.h>

#include <algorithm>
#include <cstring>

#include "base/restart.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/drivers/virtio/start_driver.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

#ifdef EREMITE_VIRTIO_RNG

namespace {

class EntropyDevice {
public:
    explicit EntropyDevice(virtio::Transport& transport) : device_{transport} {}

    Result<void> start() {
        TRY(device_.negotiate());
        queue_ = TRY(device_.start_queue(0, {.size = request_count,
                                             .cpu = arch::cpu_index(),
                                             .ready = {[](void* self) { static_cast<EntropyDevice*>(self)->finish_requests(); }, this}}));
        // SAFETY: the page is ours for good.
        buffers_ = direct_map(TRY(mm::page_allocator().allocate(0))).as<Buffer>();
        device_.start();
        log::info("virtio-rng: {}, {} ring", device_.transport().name(), queue_->shape().packed ? "packed" : "split");
        return {};
    }

    Result<size_t> read(std::span<uint8_t> bytes, bool nonblocking) {
        const sync::Guard guard{lock_};
        Request* request;
        for (;;) {
            if (Request* const spare = find(State::Spare)) return collect(*spare, bytes);
            request = find(State::Free);
            if (nonblocking) return ask_for_later(request);
            if (request) break;
            if (waiting_.wait(lock_) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
        }
        TRY(ask(*request, bytes.size(), State::UnderWay));
        while (request->state == State::UnderWay) {
            const bool interrupted = waiting_.wait(lock_) == sched::Wakeup::Interrupted;
            if (!interrupted || request->state != State::UnderWay) continue;
            request->state = State::Orphaned;
            return Error{restart_if_asked};
        }
        return collect(*request, bytes);
    }

    Result<void> poll(std::span<uint8_t> bytes) {
        constexpr uint64_t patience = uint64_t{5} << 30;  // ticks: a second or two
        const uint64_t start = arch::cycle_counter();
        while (!bytes.empty()) {
            const sync::Guard guard{lock_};
            Request* const request = find(State::Free);
            if (!request) return Error{EBUSY};
            TRY(ask(*request, bytes.size(), State::UnderWay));
            while (request->state == State::UnderWay) {
                if (arch::cycle_counter() - start > patience) {
                    request->state = State::Orphaned;
                    return Error{EIO};
                }
                arch::relax();
                take_all();
            }
            bytes = bytes.subspan(TRY(collect(*request, bytes)));
        }
        return {};
    }

private:
    static constexpr uint16_t request_count = 8;
    using Buffer = uint8_t[page_size / request_count];
    // Orphaned: under way, but nobody waits for it; what comes is spare, for the next reader.
    enum class State : uint8_t { Free, UnderWay, Done, Orphaned, Spare };
    struct Request {
        State state = State::Free;
        int error = 0;
        uint32_t length = 0;
    };

    // All of these require the lock.
    Request* find(State state) {
        for (Request& r : requests_)
            if (r.state == state) return &r;
        return nullptr;
    }
    Buffer& buffer_of(const Request& request) { return buffers_[&request - requests_]; }

    Result<void> ask(Request& request, size_t wanted, State state) {
        const auto length = static_cast<uint32_t>(std::min(wanted, sizeof(Buffer)));
        const virtio::Segment segment[] = {{physical_of_direct_map(VirtualAddress{&buffer_of(request)}), length}};
        TRY(queue_->add({}, segment, &request));
        request.state = state;
        queue_->kick();
        return {};
    }

    // For a reader that does not wait. `free`: a request, or null.
    Error ask_for_later(Request* free) {
        const bool under_way = find(State::Orphaned) != nullptr;
        if (free && !under_way)
            if (const auto asked = ask(*free, sizeof(Buffer), State::Orphaned); !asked.ok()) return asked.error();
        return Error{EAGAIN};
    }

    // The device gives at least one byte (section 5.4.6).
    Result<size_t> collect(Request& request, std::span<uint8_t> bytes) {
        const size_t length = std::min<size_t>(request.length, bytes.size());
        const int error = request.error != 0 ? request.error : length == 0 ? EIO : 0;
        Buffer& buffer = buffer_of(request);
        std::memcpy(bytes.data(), buffer, length);
        std::memset(buffer, 0, sizeof buffer);
        request = {};
        waiting_.wake_all();
        if (error != 0) return Error{error};
        return length;
    }

    void take_all() {
        while (const auto done = queue_->take()) {
            auto& request = *static_cast<Request*>(done->token);
            request = {request.state == State::UnderWay ? State::Done : State::Spare, done->error, done->written};
        }
    }

    void finish_requests() {
        const sync::Guard guard{lock_};
        do take_all();
        while (queue_->enable_interrupts());
        waiting_.wake_all();
    }

    sync::Spinlock lock_{sync::Rank::DeviceQueue};
    sched::WaitQueue waiting_;  // for a free request, and for answers
    Request requests_[request_count];
    Buffer* buffers_ = nullptr;
    virtio::Device device_;
    virtio::Queue* queue_ = nullptr;
};

// The first one of the machine, started when it is needed.
Result<EntropyDevice*> entropy_device() {
    static constinit sync::Spinlock lock{sync::Rank::DeviceStart};
    static constinit EntropyDevice* device = nullptr;
    static constinit int failure = 0;
    const sync::Guard guard{lock};
    if (failure != 0) return Error{failure};
    if (device) return device;
    const auto start = []() -> Result<EntropyDevice*> {
        virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_RNG));
        return virtio::start_driver<EntropyDevice>(*transport);
    };
    auto started = start();
    failure = started.code();
    if (started.ok()) device = started.value();
    return started;
}

}  // namespace

Result<void> poll_virtio_entropy(std::span<uint8_t> bytes) {
    EntropyDevice* const device = TRY(entropy_device());
    return device->poll(bytes);
}

Result<size_t> read_virtio_entropy(std::span<uint8_t> bytes, bool nonblocking) {
    EntropyDevice* const device = TRY(entropy_device());
    return device->read(bytes, nonblocking);
}

#else

Result<void> poll_virtio_entropy(std::span<uint8_t>) { return Error{ENODEV}; }
Result<size_t> read_virtio_entropy(std::span<uint8_t>, bool) { return Error{ENODEV}; }

#endif

}  // namespace eremite::drivers

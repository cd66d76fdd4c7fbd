// The fuzzer writes what a snapshot says of a console, a disk and a network device; where that is taken, it plays their drivers. Input: which device,
// whether the state is whole or changed in places only, the state, then what stands in memory and steps of a byte each with their operands.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <deque>
#include <vector>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/vmm_virtio/orderly_driver.hpp"
#include "tests/fuzz/vmm_virtio/silence.hpp"
#include "vmm/block/block_device.hpp"
#include "vmm/block/thread_engine.hpp"
#include "vmm/console/console_device.hpp"
#include "vmm/error.hpp"
#include "vmm/net/device.hpp"
#include "vmm/virtio/mmio.hpp"

using namespace eremite;
using test::Input;
using test::require;
using vmm::UniqueFd;

namespace {

constexpr uint64_t memory_bytes = 32768, disk_bytes = 65536;

vmm::GuestMemory& memory() {
    static vmm::GuestMemory shared{memory_bytes};
    return shared;
}

// Does what is asked when it is asked for the outcome.
class SlowEngine final : public vmm::block::IoEngine {
public:
    void submit(uint32_t slot, const vmm::block::Operation& operation) override {
        jobs_.emplace_back(slot, operation);
        require(jobs_.size() <= vmm::block::BlockDevice::depth);
        is_new_ = true;
    }
    void kick() override {
        done_ = !std::exchange(is_new_, false);
        if (!jobs_.empty()) vmm::signal_event(event_.get());
    }
    [[nodiscard]] int event() const override { return event_.get(); }
    bool take(vmm::block::Outcome& outcome) override {
        static const UniqueFd file{::memfd_create("disk", MFD_CLOEXEC)};
        require(::ftruncate(file.get(), disk_bytes) == 0);
        if (jobs_.empty() || !done_) return false;
        outcome = {jobs_.front().first, vmm::block::perform(file.get(), jobs_.front().second)};
        jobs_.pop_front();
        return true;
    }
    void wait() override {
        require(!jobs_.empty());
        done_ = true;
    }

private:
    UniqueFd event_ = vmm::make_event();
    std::deque<std::pair<uint32_t, vmm::block::Operation>> jobs_;
    bool is_new_ = false, done_ = false;
};

// Two pairs of queues; each frame comes back.
class Network final : public vmm::net::Backend {
public:
    [[nodiscard]] size_t channel_count() const override { return channels_.size(); }
    [[nodiscard]] vmm::net::Channel& channel(size_t index) override { return channels_.at(index); }
    [[nodiscard]] uint64_t offloads() const override { return ~uint64_t{0}; }
    void negotiate(uint64_t) override {}
    [[nodiscard]] bool use(size_t channels) override {
        require(channels >= 1 && channels <= channels_.size());
        return true;
    }

private:
    struct Echo final : vmm::net::Channel {
        void attach(vmm::virtio::Host&, Listener&) override {}
        void watch(bool, bool) override {}
        size_t receive(std::span<const iovec> pieces) override {
            if (frames.empty()) return 0;
            const size_t size = vmm::virtio::copy_to(pieces, 0, frames.front());
            frames.pop_front();
            return size;
        }
        Sent send(std::span<const iovec> pieces) override {
            if (frames.size() == 4) return Sent::Not_yet;
            size_t size = 0;
            for (const iovec& piece : pieces) size += piece.iov_len;
            std::vector<std::byte> frame(size);
            require(vmm::virtio::copy_from(pieces, 0, frame) == size);
            if (size <= memory_bytes) frames.push_back(std::move(frame));
            return Sent::Done;
        }
        std::deque<std::vector<std::byte>> frames;
    };
    std::array<Echo, 2> channels_;
};

std::unique_ptr<vmm::virtio::Device> make_device(vmm::virtio::Host& host, uint8_t kind) {
    switch (kind % 3) {
        case 0: {
            std::array<int, 2> output{};
            require(::pipe2(output.data(), O_NONBLOCK | O_CLOEXEC) == 0);
            // So that the writer is held up soon.
            (void)::fcntl(output[1], F_SETPIPE_SZ, 4096);
            static UniqueFd reader;
            reader = UniqueFd{output[0]};
            return std::make_unique<vmm::console::ConsoleDevice>(host, "console0", UniqueFd{output[1]}, UniqueFd{::open("/dev/zero", O_RDONLY | O_CLOEXEC)});
        }
        case 1: {
            vmm::block::Disk disk{.file = {}, .sectors = disk_bytes / vmm::block::sector_size, .can_punch = true};
            return std::make_unique<vmm::block::BlockDevice>(host, "disk0", std::move(disk), "serial", std::make_unique<SlowEngine>());
        }
        default: return std::make_unique<vmm::net::NetDevice>(host, std::make_unique<Network>(), vmm::net::Settings{});
    }
}

class Machine {
public:
    explicit Machine(uint8_t kind) { transport_.attach(make_device(transport_.host(), kind)); }

    void bring_up() { test::bring_up(transport_); }
    std::vector<std::byte> save() {
        vmm::StateWriter state;
        const std::lock_guard guard{transport_.device_lock()};
        transport_.save(state);
        return {state.bytes().begin(), state.bytes().end()};
    }
    // Whether it is taken.
    [[nodiscard]] bool restore(std::span<const std::byte> state) {
        try {
            vmm::StateReader reader{state};
            transport_.restore(reader);
            return true;
        } catch (const vmm::Error& error) {
            require(error.what()[0] != '\0');
            return false;
        }
    }
    void step(Input& input) {
        const uint8_t step = input.byte();
        const uint32_t queue = step / 8U % static_cast<uint32_t>(transport_.queue_count());
        switch (step % 8) {
            case 0: return set(step / 8 * 8U, input.word());
            case 1: return bring_up();
            case 2: return (void)save();
            case 3: {  // anywhere
                const size_t at = input.half() % memory_bytes;
                const auto bytes = input.take(std::min<size_t>(step / 8U + 1, memory_bytes - at));
                std::ranges::copy(std::as_bytes(bytes), memory().piece(at, memory_bytes - at).begin());
                return;
            }
            case 4: {  // one more is available
                std::byte* const ring = memory().piece(queue * test::queue_bytes + 128, 20).data();
                uint16_t index = 0;
                std::memcpy(&index, ring + 2, sizeof index);
                const uint16_t head = input.byte() % 8;
                std::memcpy(ring + 4 + index % 8 * sizeof head, &head, sizeof head);
                ++index;
                std::memcpy(ring + 2, &index, sizeof index);
                return set(0x50, queue);
            }
            case 5: return set(0x50, queue);
            default: return transport_.host().loop().run_pending();
        }
    }

private:
    void set(uint64_t reg, uint32_t value) { test::set_register(transport_, reg, value); }

    UniqueFd interrupt_ = vmm::make_event();
    vmm::virtio::MmioTransport transport_{memory(), interrupt_.get()};
};

// A state that was good, with some of its bytes changed, and perhaps cut short.
std::vector<std::byte> changed(std::vector<std::byte> state, Input& input) {
    for (uint8_t count = input.byte() % 8; count > 0; --count) {
        size_t at = input.half() % state.size();
        for (const uint8_t byte : input.take(input.byte() % 9))
            if (at < state.size()) state[at++] = static_cast<std::byte>(byte);
    }
    if (const uint16_t size = input.half(); size != 0) state.resize(std::min<size_t>(size, state.size()));
    return state;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    test::silence();
    std::signal(SIGPIPE, SIG_IGN);
    Input input{data, size};
    const uint8_t kind = input.byte();
    const auto all = memory().piece(0, memory_bytes);
    std::fill(all.begin(), all.end(), std::byte{0});
    Machine before{kind}, after{kind};
    std::vector<std::byte> state;
    if (kind / 4 % 4 == 0) {
        const auto bytes = std::as_bytes(input.take(input.half() % 1024));
        state.assign(bytes.begin(), bytes.end());
    } else {
        before.bring_up();
        for (uint8_t steps = input.byte() % 16; steps > 0; --steps) before.step(input);
        state = changed(before.save(), input);
    }
    const auto first = std::as_bytes(input.take(input.half() % (memory_bytes / 2)));
    std::copy(first.begin(), first.end(), all.begin());
    if (!after.restore(state)) return 0;
    while (!input.empty()) after.step(input);
    // What was taken can be told again.
    require(!after.save().empty());
    return 0;
}

#pragma once
// The fuzzer as a driver: a device behind its registers, with queues of eight in a small memory. Input: what stands in memory at first, by its
// length, then steps of a byte each with their operands.
#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/vmm_virtio/orderly_driver.hpp"
#include "tests/fuzz/vmm_virtio/silence.hpp"
#include "vmm/virtio/mmio.hpp"

namespace eremite::test {

class HostileDriver {
public:
    static constexpr uint64_t memory_bytes = 16384;

    HostileDriver() {
        silence();
        std::fill(bytes_.begin(), bytes_.end(), std::byte{0});
    }

    [[nodiscard]] static vmm::GuestMemory& memory() {
        static vmm::GuestMemory shared{memory_bytes};
        return shared;
    }
    [[nodiscard]] vmm::virtio::MmioTransport& transport() { return transport_; }

    void begin(Input& input) {
        const auto first = input.take(input.half() % (memory_bytes + 1));
        std::memcpy(bytes_.data(), first.data(), first.size());
        bring_up(transport_);
    }

    void step(Input& input) {
        const uint8_t step = input.byte();
        const size_t queue = step / 8U % std::max<size_t>(transport_.queue_count(), 1);
        switch (step % 8) {
            case 0: {
                const uint32_t value = input.word();
                return transport_.write(step / 8 * 8U, std::as_bytes(std::span{&value, 1}));
            }
            case 1: {  // anywhere
                const size_t at = input.half() % memory_bytes;
                return put(at, input.take(std::min<size_t>(step / 8U + 1, memory_bytes - at)));
            }
            case 2: {  // a descriptor
                const size_t at = queue * queue_bytes + input.byte() % 8U * 16;
                const uint64_t address = input.half() % memory_bytes;
                const uint32_t length = input.half();
                const uint8_t flags = input.byte();
                const uint16_t words[] = {static_cast<uint16_t>(flags % 8), static_cast<uint16_t>(flags / 8 % 8)};
                put(at, address);
                put(at + 8, length);
                return put(at + 12, words);
            }
            case 3: return offer(queue, input.byte() % 8);
            case 4: return bring_up(transport_);
            case 5: return set(0x70, 0);
            case 6: {  // the configuration
                std::byte operand[8] = {static_cast<std::byte>(input.byte())};
                transport_.write(0x100 + input.byte(), std::span{operand}.first(step / 8 % 9U));
                return transport_.read(0x100 + input.byte(), std::span{operand}.first(step / 8 % 9U));
            }
            default: {
                const size_t writable = input.half() % 2048;
                return request(queue, input.take(input.byte()), writable);
            }
        }
    }

    // A request as a driver that is in order makes it: it reads these bytes, 1024 at most, and writes so many, 2048 at most.
    void request(size_t queue, std::span<const uint8_t> readable, size_t writable) {
        const auto slot = static_cast<uint16_t>(next_++ % 4);
        const uint64_t from = 4096 + slot * 1024U, to = 8192 + slot * 2048U;
        const auto first = static_cast<uint16_t>(2 * slot), second = static_cast<uint16_t>(2 * slot + 1);
        const bool reads = !readable.empty(), writes = writable != 0;
        if (!reads && !writes) return;
        if (reads) put(from, readable);
        if (writes) descriptor(queue, second, {to, static_cast<uint32_t>(writable), VRING_DESC_F_WRITE, 0});
        if (reads) descriptor(queue, first, {from, static_cast<uint32_t>(readable.size()), static_cast<uint16_t>(writes ? VRING_DESC_F_NEXT : 0), second});
        offer(queue, reads ? first : second);
    }

private:
    void descriptor(size_t queue, uint16_t at, const vring_desc& what) { put(queue * queue_bytes + at * sizeof what, what); }
    // Makes a head available, and gives the device its turn.
    void offer(size_t queue, uint16_t head) {
        uint16_t index = 0;
        std::byte* const ring = bytes_.data() + queue * queue_bytes + 128;
        std::memcpy(&index, ring + 2, sizeof index);
        std::memcpy(ring + 4 + index % 8 * sizeof head, &head, sizeof head);
        ++index;
        std::memcpy(ring + 2, &index, sizeof index);
        set(0x50, static_cast<uint32_t>(queue));
        transport_.host().loop().run_pending();
    }
    void set(uint64_t reg, uint32_t value) { set_register(transport_, reg, value); }
    void put(size_t at, std::span<const uint8_t> what) { std::memcpy(bytes_.data() + at, what.data(), what.size()); }
    template <typename T>
    void put(size_t at, const T& what) { std::memcpy(bytes_.data() + at, &what, sizeof what); }

    std::span<std::byte> bytes_ = memory().piece(0, memory_bytes);
    unsigned next_ = 0;
    vmm::UniqueFd interrupt_ = vmm::make_event();
    vmm::virtio::MmioTransport transport_{memory(), interrupt_.get()};
};

}  // namespace eremite::test

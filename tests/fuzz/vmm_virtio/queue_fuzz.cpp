// The fuzzer plays the driver of a virtqueue. Input: where the parts of the queue stand, then steps of a byte each: what the device does, or what
// the driver writes into memory, with its operands; the rest of the input is what stands in memory at first.
#include <algorithm>
#include <array>
#include <cstring>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "vmm/virtio/queue.hpp"

using namespace eremite;
using test::Input;
using test::require;
using vmm::virtio::Chain;

namespace {

// Rings, tables and data share so little memory that they often meet.
constexpr uint64_t memory_bytes = 4096;

vmm::GuestMemory& memory() {
    static vmm::GuestMemory shared{memory_bytes};
    return shared;
}

void check(const Chain& chain) {
    const auto all = memory().piece(0, memory_bytes);
    const auto sum = [&](const std::vector<iovec>& pieces) {
        size_t bytes = 0;
        for (const iovec& piece : pieces) {
            const auto at = static_cast<size_t>(static_cast<std::byte*>(piece.iov_base) - all.data());
            require(piece.iov_len > 0 && at < memory_bytes && piece.iov_len <= memory_bytes - at);
            bytes += piece.iov_len;
        }
        return bytes;
    };
    require(chain.readable.size() + chain.writable.size() <= Chain::most_segments);
    require(sum(chain.readable) == chain.readable_bytes && sum(chain.writable) == chain.writable_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input{data, size};
    const uint8_t kind = input.byte();
    vmm::virtio::QueueSetup setup{.size = static_cast<uint16_t>(1 << (kind % 8)), .descriptors = input.half(), .driver_area = input.half(),
                                  .device_area = input.half(), .event_index = (kind & 8) != 0};
    if ((kind & 16) != 0) setup = {.size = 8, .descriptors = 0, .driver_area = 128, .device_area = 152, .event_index = setup.event_index};
    const auto steps = input.take(input.byte());
    const auto bytes = memory().piece(0, memory_bytes);
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    const auto rest = input.take(memory_bytes);
    std::memcpy(bytes.data(), rest.data(), rest.size());

    int interrupts = 0;
    auto queue = vmm::virtio::Queue::make(memory(), setup, [&] { ++interrupts; });
    if (!queue) return 0;
    Chain chain;
    Input step{steps.data(), steps.size()};
    while (!step.empty()) {
        switch (step.byte() % 6) {
            case 0: {
                const bool was_broken = queue->broken();
                const bool popped = queue->pop(chain);
                require(!(was_broken && popped) && !(popped && queue->broken()));
                if (popped) check(chain);
                break;
            }
            case 1: queue->push(chain.head, step.byte()); break;
            case 2: queue->flush(); break;
            case 3: (void)queue->enable_notifications(); break;
            case 4: queue->disable_notifications(); break;
            default: bytes[step.half() % memory_bytes] = static_cast<std::byte>(step.byte()); break;
        }
    }
    return 0;
}

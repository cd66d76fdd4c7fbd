// Queues with anything in them, anywhere: loops, lengths and addresses that cannot be, tables in tables, indices that jump, resets in the midst.
#include "attacks.hpp"
#include "device.hpp"

namespace eremite::hostile {

namespace {

// A queue's parts, for the first queues of each device, and what requests point to.
constexpr uint64_t rings_at = play_start + (uint64_t{1} << 20), ring_bytes = 0x4000, buffers_at = uint64_t{32} << 20;
constexpr uint64_t queues_of_device = 4;

uint64_t ring_of(size_t device, uint32_t queue) { return rings_at + (device * queues_of_device + queue) * ring_bytes; }

// Where devices may read and write without harm to the image; or where nothing is.
uint64_t any_address(Random& random, uint64_t ring) {
    switch (random.below(16)) {
        case 0: return random.next();
        case 1: return memory_size - random.below(8192);
        case 2: return memory_size + random.below(uint64_t{1} << 32);
        case 3: return UINT64_MAX - random.below(8192);
        case 4: return ring + random.below(ring_bytes);
        case 5: return devices_at + random.below(device_size);
        case 6: return 0xfee00000;
        default: return buffers_at + random.below(uint64_t{24} << 20);
    }
}

uint32_t any_length(Random& random) {
    constexpr uint32_t edges[] = {0, 1, 2, 4, 8, 12, 15, 16, 17, 24, 40, 512, 4095, 4096, 65536, 1 << 20, 0x7fffffff, 0x80000000, 0xfffffff0, UINT32_MAX};
    return random.below(2) == 0 ? any_of(random, edges) : static_cast<uint32_t>(random.below(8192));
}

void write_descriptor(Random& random, uint64_t ring, uint32_t index) {
    const uint64_t place = ring + sizeof(vring_desc) * index;
    at<uint64_t>(place) = any_address(random, ring);
    at<uint32_t>(place + 8) = any_length(random);
    at<uint16_t>(place + 12) = static_cast<uint16_t>(random.below(4) == 0 ? random.next() : random.below(4));
    at<uint16_t>(place + 14) = static_cast<uint16_t>(random.below(4) == 0 ? random.next() : random.below(Ring::size));
}

uint32_t any_queue_size(Random& random) {
    constexpr uint32_t sizes[] = {0, 1, 2, 3, 63, 128, 256, 1024, 32768, 65536, 0x10040, UINT32_MAX};
    return random.below(3) == 0 ? any_of(random, sizes) : Ring::size;
}

void bring_up(Random& random, const Device& device, size_t number) {
    device.reset();
    device.negotiate(random.below(2) == 0 ? UINT64_MAX : random.next() | uint64_t{1} << VIRTIO_F_VERSION_1);
    for (uint32_t queue = 0; queue < queues_of_device; ++queue) {
        const uint64_t ring = ring_of(number, queue);
        const bool proper = random.below(8) != 0;
        device.set_queue(queue, proper ? Ring::size : any_queue_size(random), proper ? ring : any_address(random, ring), proper ? ring + 4096 : any_address(random, ring),
                         proper ? ring + 8192 : any_address(random, ring));
    }
    device.go();
}

}  // namespace

void attack_rings(Random& random) {
    const auto all = devices();
    if (all.empty()) return;
    const size_t number = random.below(all.size());
    const Device& device = all[number];
    if (device.needs_reset() || random.below(64) == 0) bring_up(random, device, number);
    const auto queue = static_cast<uint32_t>(random.below(queues_of_device));
    const uint64_t ring = ring_of(number, queue);
    const uint32_t chain = 1 + static_cast<uint32_t>(random.below(8));
    const auto head = static_cast<uint32_t>(random.below(Ring::size));
    for (uint32_t i = 0; i < chain; ++i) write_descriptor(random, ring, (head + i) % Ring::size);
    const uint16_t offered = at<uint16_t>(ring + 4098);
    at<uint16_t>(ring + 4100 + 2 * (offered % Ring::size)) = static_cast<uint16_t>(random.below(16) == 0 ? random.next() : head);
    at<uint16_t>(ring + 4098) = static_cast<uint16_t>(random.below(16) == 0 ? random.next() : offered + 1);
    device.notify(random.below(16) == 0 ? static_cast<uint32_t>(random.next()) : queue);
}

// Descriptors change while the device looks at them; sometimes the whole device is taken away.
void disturb_rings(Random& random) {
    const auto all = devices();
    if (all.empty()) return;
    const size_t number = random.below(all.size());
    const uint64_t ring = ring_of(number, static_cast<uint32_t>(random.below(queues_of_device)));
    for (int i = 0; i < 1000; ++i) write_descriptor(random, ring, static_cast<uint32_t>(random.below(Ring::size)));
    at<uint16_t>(ring + 4098) = static_cast<uint16_t>(at<uint16_t>(ring + 4098) + random.below(Ring::size));
    if (random.below(16) == 0) all[number].reset();
    else all[number].notify(static_cast<uint32_t>(random.below(queues_of_device)));
}

}  // namespace eremite::hostile

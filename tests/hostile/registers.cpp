// Accesses of any width at any address and port.
#include "abi/host_channel.hpp"
#include "attacks.hpp"
#include "device.hpp"

namespace eremite::hostile {

namespace {

uint64_t any_value(Random& random) {
    constexpr uint64_t edges[] = {0, 1, 2, 3, 4, 7, 8, 0xf, 0x3f, 0x80, 0xff, 0x100, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX};
    return random.below(2) == 0 ? any_of(random, edges) : random.next();
}

// A read takes place though nobody wants what was read.
void ignore(uint64_t) {}

// SAFETY (of both functions): the address is mapped, and x86 allows unaligned accesses, also of devices.
void read_any(Random& random, uint64_t address) {
    switch (random.below(4)) {
        case 0: ignore(at<uint8_t>(address)); break;
        case 1: ignore(at<uint16_t>(address)); break;
        case 2: ignore(at<uint32_t>(address)); break;
        default: ignore(at<uint64_t>(address)); break;
    }
}

void access(Random& random, uint64_t address) {
    const uint64_t value = any_value(random);
    switch (random.below(8)) {
        case 0: at<uint8_t>(address) = static_cast<uint8_t>(value); break;
        case 1: at<uint16_t>(address) = static_cast<uint16_t>(value); break;
        case 2:
        case 3: at<uint32_t>(address) = static_cast<uint32_t>(value); break;
        case 4: at<uint64_t>(address) = value; break;
        default: read_any(random, address); break;
    }
}

}  // namespace

void attack_registers(Random& random) {
    const auto all = devices();
    if (all.empty()) return;
    const Device& device = all[random.below(all.size())];
    constexpr uint32_t known[] = {VIRTIO_MMIO_STATUS, VIRTIO_MMIO_STATUS, VIRTIO_MMIO_QUEUE_SEL, VIRTIO_MMIO_QUEUE_NUM, VIRTIO_MMIO_QUEUE_READY,
                                  VIRTIO_MMIO_QUEUE_NOTIFY, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_USED_LOW,
                                  VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_MMIO_DRIVER_FEATURES_SEL, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_CONFIG};
    const uint64_t place = random.below(2) == 0 ? any_of(random, known) : random.below(device_size);
    // With proper features now and then, so that more than the registers is reached.
    if (random.below(16) == 0) device.negotiate(UINT64_MAX);
    access(random, device.address + place);
}

void attack_addresses(Random& random) {
    constexpr uint64_t local_apic = 0xfee00000, io_apic = 0xfec00000, gib = uint64_t{1} << 30;
    uint64_t place = 0;
    switch (random.below(8)) {
        case 0: place = memory_size + random.below(0x10000) - 8; break;  // the last bytes of memory, and what is above
        case 1: place = memory_size + random.below(devices_at - memory_size); break;
        case 2: place = devices_at - 16 + random.below((most_devices + 1) * device_size); break;
        case 3: place = 4 * gib - 0x200000 + random.below(0x200000 - 8); break;
        case 4: place = io_apic + random.below(0x1000 - 8); break;
        // Read only: what commands to all processors do is the machine's own end.
        case 5: return read_any(random, local_apic + random.below(0x1000 - 8) / 16 * 16);
        default: {
            // A few windows that were opened once.
            static std::byte* opened[16];
            constexpr uint64_t beyond[] = {4 * gib, 4 * gib + memory_size, 64 * gib - 0x200000, 256 * gib, 512 * gib, 1024 * gib, 4096 * gib, 0xd000000000};
            const size_t index = random.below(std::size(beyond));
            if (!opened[index]) opened[index] = window_to(beyond[index]);
            if (!opened[index]) return;
            place = reinterpret_cast<uint64_t>(opened[index]) + random.below(0x200000 - 8);
        }
    }
    access(random, place);
}

void attack_ports(Random& random) {
    constexpr uint16_t known[] = {abi::serial_port, abi::serial_port + 1, abi::serial_port + 2, abi::serial_port + 3, abi::serial_port + 4, abi::serial_port + 5,
                                  abi::log_port, 0x70, 0x71, 0x20, 0x21, 0xa1, 0x40, 0x43, 0x60, 0x61, 0x64, 0x80, 0xcf8, 0xcfc, 0x4d0};
    const uint16_t port = random.below(2) == 0 ? any_of(random, known) : static_cast<uint16_t>(random.next());
    // Wide accesses to the last ones are forbidden by the end of the task state's map.
    if (port > UINT16_MAX - 3) return;
    // Those that end the machine, and the report of the exit status, which has to stay readable.
    if ((port >= abi::debug_exit_port - 3 && port < abi::debug_exit_port + 4) || (port >= abi::report_port - 3 && port <= abi::report_port && port != abi::log_port)) return;
    const uint64_t value = any_value(random);
    std::byte* const bytes = bytes_at(play_start + random.below(4096));
    const size_t length = 1 + random.below(random.below(16) == 0 ? 2048 : 16);
    switch (random.below(8)) {
        case 0: out8(port, static_cast<uint8_t>(value)); break;
        case 1: out16(port, static_cast<uint16_t>(value)); break;
        case 2: out32(port, static_cast<uint32_t>(value)); break;
        case 3: (void)in8(port); break;
        case 4: (void)in16(port); break;
        case 5: (void)in32(port); break;
        case 6: out_string(port, bytes, length); break;
        default: in_string(port, bytes, length); break;
    }
}

}  // namespace eremite::hostile

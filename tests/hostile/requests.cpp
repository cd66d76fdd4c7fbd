// Requests in proper queues that make no sense to their device: sectors that are not there, packets with absurd headers, connections of nobody,
// pages that are not there, large and small buffers.
#include <linux/virtio_blk.h>
#include <linux/virtio_vsock.h>

#include <array>
#include <bit>

#include "attacks.hpp"
#include "device.hpp"

namespace eremite::hostile {

namespace {

constexpr uint64_t rings_at = play_start + (uint64_t{2} << 20), ring_bytes = 0x4000, buffers_at = uint64_t{32} << 20;
constexpr uint64_t header_at = play_start + (uint64_t{8} << 20);
constexpr size_t queues_of_device = 3;
constexpr uint64_t packet_header = 12;  // virtio_net_hdr_v1, whose header is not C++

uint32_t any_length(Random& random) {
    constexpr uint32_t edges[] = {1, 2, 15, 16, 511, 512, 513, 1024, 4096, 4097, 65536, 1 << 18};
    return random.below(2) == 0 ? any_of(random, edges) : 1 + static_cast<uint32_t>(random.below(4096));
}

Segment any_segment(Random& random, bool writable) { return {buffers_at + random.below(uint64_t{16} << 20), any_length(random), writable}; }

void write_disk_header(Random& random) {
    constexpr uint32_t types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
    constexpr uint64_t sectors[] = {0, 1, 2047, 131071, 131072, 1 << 30, uint64_t{1} << 54, uint64_t{1} << 55, uint64_t{1} << 63, UINT64_MAX};
    at<uint32_t>(header_at) = random.below(16) == 0 ? static_cast<uint32_t>(random.next()) : any_of(random, types);
    at<uint64_t>(header_at + 8) = random.below(2) == 0 ? any_of(random, sectors) : random.below(131072);
}

// A header with random offloads, and a frame from the machine to anybody: random, or an IPv4 packet with something of TCP, UDP or ICMP.
void write_packet(Random& random) {
    for (uint64_t i = 0; i < 128; i += 8) at<uint64_t>(header_at + i) = random.next();
    if (random.below(2) == 0)
        for (uint64_t i = 0; i < 12; ++i) at<uint8_t>(header_at + i) = static_cast<uint8_t>(random.below(4) == 0 ? random.next() : 0);
    if (random.below(4) == 0) return;
    const uint64_t ethernet = header_at + packet_header, ip = ethernet + 14, payload = ip + 20;
    constexpr uint8_t protocols[] = {1, 6, 6, 17, 41, 58};
    constexpr uint16_t types[] = {0x0008, 0x0008, 0x0608, 0xdd86};  // IPv4, ARP, IPv6, as they lie in memory
    at<uint16_t>(ethernet + 12) = any_of(random, types);
    at<uint8_t>(ip) = random.below(8) == 0 ? static_cast<uint8_t>(random.next()) : 0x45;
    at<uint16_t>(ip + 2) = static_cast<uint16_t>(random.below(2) == 0 ? random.next() : 0x2800);
    at<uint16_t>(ip + 6) = static_cast<uint16_t>(random.below(4) == 0 ? random.next() : 0);
    at<uint8_t>(ip + 9) = any_of(random, protocols);
    // 10.0.2.15 to a host of the same network: nothing leaves this machine.
    at<uint32_t>(ip + 12) = 0x0f02000a;
    at<uint32_t>(ip + 16) = 0x0002000a | static_cast<uint32_t>(random.below(256)) << 24;
    uint32_t sum = 0;
    at<uint16_t>(ip + 10) = 0;
    for (uint64_t i = 0; i < 20; i += 2) sum += at<uint16_t>(ip + i);
    at<uint16_t>(ip + 10) = static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16)));
    if (random.below(2) == 0) at<uint16_t>(payload + 12) = 0x0250;  // a TCP header of 20 bytes with SYN
}

// Of a few connections, so that they come to something, and that of nobody; with any operation, length and credit.
uint32_t write_socket_packet(Random& random) {
    constexpr uint64_t edges[] = {0, 1, 2, 3, UINT32_MAX, UINT64_MAX};
    constexpr uint32_t host = 2, machine = 3, types[] = {1, 1, 1, 2, 0, UINT16_MAX};
    const auto mostly = [&random, &edges](uint64_t usual) { return random.below(16) == 0 ? any_of(random, edges) : usual; };
    virtio_vsock_hdr header{};
    header.src_cid = mostly(machine);
    header.dst_cid = mostly(host);
    header.src_port = static_cast<uint32_t>(mostly(1 + random.below(4)));
    header.dst_port = static_cast<uint32_t>(mostly(1 + random.below(2)));
    header.len = random.below(2) == 0 ? any_length(random) : static_cast<uint32_t>(mostly(0));
    header.type = static_cast<uint16_t>(any_of(random, types));
    header.op = static_cast<uint16_t>(random.below(3) == 0 ? VIRTIO_VSOCK_OP_REQUEST : random.below(10));
    header.flags = static_cast<uint32_t>(random.below(5));
    header.buf_alloc = random.below(2) == 0 ? any_length(random) : static_cast<uint32_t>(random.next());
    header.fwd_cnt = random.below(2) == 0 ? any_length(random) : static_cast<uint32_t>(random.next());
    const auto words = std::bit_cast<std::array<uint32_t, sizeof header / sizeof(uint32_t)>>(header);
    for (size_t i = 0; i < words.size(); ++i) at<uint32_t>(header_at + i * sizeof(uint32_t)) = words[i];
    return sizeof header;
}

// Pages of the buffers, and some that are not there. Returns how many bytes.
uint32_t write_page_numbers(Random& random) {
    constexpr uint32_t page_bits = 12, most = 600;
    const auto count = static_cast<uint32_t>(1 + random.below(most));
    const bool sound = random.below(2) == 0;
    for (uint32_t i = 0; i < count; ++i) {
        const uint64_t number = (buffers_at >> page_bits) + random.below(4096);
        at<uint32_t>(header_at + i * sizeof(uint32_t)) = static_cast<uint32_t>(sound || random.below(64) != 0 ? number : random.next());
    }
    return count * static_cast<uint32_t>(sizeof(uint32_t)) - static_cast<uint32_t>(random.below(16) == 0 ? random.below(4) : 0);
}

// What the device gets of a request of its kind. Returns how many bytes.
uint32_t write_message(Random& random, uint32_t type) {
    if (type == VIRTIO_ID_VSOCK) return write_socket_packet(random);
    if (type == VIRTIO_ID_BALLOON) return write_page_numbers(random);
    write_packet(random);
    return static_cast<uint32_t>(packet_header) + static_cast<uint32_t>(random.below(80));
}

void ask_disk(Random& random, Ring& ring) {
    write_disk_header(random);
    Segment segments[6];
    size_t count = 0;
    segments[count++] = {header_at, random.below(16) == 0 ? any_length(random) % 64 + 1 : 16, random.below(32) == 0};
    const bool writable = random.below(2) == 0;
    for (size_t more = random.below(5); more > 0; --more) segments[count++] = any_segment(random, writable);
    if (random.below(16) != 0) segments[count - (count == 6 ? 1 : 0)] = {header_at + 64, 1, true}, count += count == 6 ? 0 : 1;
    ring.offer({segments, count});
}

void ask_other(Random& random, Ring& ring, uint32_t type, bool sends) {
    Segment segments[5];
    size_t count = 0;
    if (sends) segments[count++] = {header_at, write_message(random, type), false};
    for (size_t more = random.below(4) + (sends ? 0 : 1); more > 0; --more) segments[count++] = any_segment(random, !sends);
    ring.offer({segments, count});
}

}  // namespace

void attack_requests(Random& random) {
    const auto all = devices();
    const size_t number = random.below(all.size());
    const Device& device = all[number];
    if (device.type == VIRTIO_ID_FS) return;
    device.reset();
    device.negotiate(random.below(2) == 0 ? UINT64_MAX : uint64_t{1} << VIRTIO_F_VERSION_1);
    const uint64_t memory = rings_at + number * queues_of_device * ring_bytes;
    Ring rings[]{{device, 0, memory}, {device, 1, memory + ring_bytes}, {device, 2, memory + 2 * ring_bytes}};
    const bool balloon = device.type == VIRTIO_ID_BALLOON;
    rings[0].set_up();
    if (device.type != VIRTIO_ID_BLOCK && device.type != VIRTIO_ID_RNG) rings[1].set_up();
    if (balloon) rings[2].set_up();
    device.go();
    const bool sends = device.type != VIRTIO_ID_RNG && device.type != VIRTIO_ID_BLOCK;
    // Of the balloon's, pages go by the first, come back by the second, and are reported by the third, which the device writes to, as it were.
    Ring& ring = rings[balloon ? random.below(2) : sends ? 1 : 0];
    Ring& other = rings[balloon ? 2 : 0];
    // Two requests of six descriptors at most, so that none is written over while it is there.
    for (size_t round = 1 + random.below(8); round > 0; --round) {
        for (int i = 0; i < 2; ++i) {
            if (device.type == VIRTIO_ID_BLOCK) ask_disk(random, ring);
            else ask_other(random, ring, device.type, sends);
        }
        if (sends && random.below(4) == 0) ask_other(random, other, device.type, false);
        // Reset in the midst of work, now and then.
        if (random.below(8) == 0 || !ring.wait()) return;
    }
}

void disturb_requests(Random& random) {
    for (int i = 0; i < 1000; ++i) at<uint8_t>(header_at + random.below(64)) = static_cast<uint8_t>(random.next());
    for (int i = 0; i < 1000; ++i) asm volatile("pause");
}

}  // namespace eremite::hostile

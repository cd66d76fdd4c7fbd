#include "netstack/wire/checksum.hpp"

namespace eremite::net {

namespace {

[[nodiscard]] inline uint64_t add_with_carry(uint64_t a, uint64_t b) {
    uint64_t sum;
    const bool carry = __builtin_add_overflow(a, b, &sum);
    return sum + carry;
}

// Sums the halves: what is left has 33 bits, so that many can be added without overflow.
[[nodiscard]] inline uint64_t fold_to_32(uint64_t sum) { return (sum & 0xffff'ffff) + (sum >> 32); }

[[nodiscard]] inline uint16_t fold_to_16(uint64_t sum) {
    sum = fold_to_32(fold_to_32(sum));
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
}

[[nodiscard]] uint64_t sum_of(const uint8_t* at, size_t size) {
    // Two chains, so that the additions of one do not wait for the carries of the other.
    uint64_t first = 0, second = 0;
    for (; size >= 32; size -= 32, at += 32) {
        first = add_with_carry(first, load_raw<uint64_t>(at));
        second = add_with_carry(second, load_raw<uint64_t>(at + 8));
        first = add_with_carry(first, load_raw<uint64_t>(at + 16));
        second = add_with_carry(second, load_raw<uint64_t>(at + 24));
    }
    for (; size >= 8; size -= 8, at += 8) first = add_with_carry(first, load_raw<uint64_t>(at));
    if (size & 4) {
        second = add_with_carry(second, load_raw<uint32_t>(at));
        at += 4;
    }
    if (size & 2) {
        second = add_with_carry(second, load_raw<uint16_t>(at));
        at += 2;
    }
    // A last odd byte counts as if a zero followed.
    if (size & 1) second = add_with_carry(second, *at);
    return fold_to_32(first) + fold_to_32(second);
}

}  // namespace

void ChecksumSum::add(std::span<const uint8_t> bytes) {
    const uint64_t sum = sum_of(bytes.data(), bytes.size());
    // At an odd offset the bytes of each word have changed places (RFC 1071, 2 (B)).
    sum_ += odd_ ? swap_bytes(fold_to_16(sum)) : sum;
    odd_ ^= (bytes.size() & 1) != 0;
}

void ChecksumSum::add_pseudo_header(const IpAddress& source, const IpAddress& destination, uint8_t protocol, uint32_t length) {
    if (source.is_v4()) {
        sum_ += load_raw<uint32_t>(&source.bytes()[12]);
        sum_ += load_raw<uint32_t>(&destination.bytes()[12]);
    } else {
        sum_ += fold_to_32(add_with_carry(source.high(), source.low()));
        sum_ += fold_to_32(add_with_carry(destination.high(), destination.low()));
    }
    sum_ += swap_bytes(length);
    sum_ += uint32_t{protocol} << 8;
}

uint16_t ChecksumSum::folded() const { return fold_to_16(sum_); }

}  // namespace eremite::net

#pragma once
// CRC-32C (Castagnoli), as ext4 has it everywhere: without the final inversion. The library's function of this name is ours.
#include <cstdint>
#include <span>

extern "C" uint32_t ext2fs_crc32c_le(uint32_t seed, const unsigned char* bytes, size_t size);

namespace eremite::fs::ext4 {

[[nodiscard]] inline uint32_t crc32c(uint32_t seed, std::span<const uint8_t> bytes) { return ext2fs_crc32c_le(seed, bytes.data(), bytes.size()); }

}  // namespace eremite::fs::ext4

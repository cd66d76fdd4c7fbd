#pragma once
// The hash of names in directories.
#include <cstdint>
#include <string_view>

namespace eremite::fs::ramfs {

// FNV-1a (draft-eastlake-fnv), folded once more because the buckets use the low bits.
[[nodiscard]] inline uint32_t hash_name(std::string_view name) {
    uint32_t hash = 2166136261U;
    for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
    return hash ^ (hash >> 15);
}

}  // namespace eremite::fs::ramfs

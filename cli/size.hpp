#pragma once
// Amounts of memory as people write them.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eremite::cli {

// Bytes of "4096", "8K", "128M", "1G", "2T" (powers of 1024; small letters, "KiB" and "KB" forms too); a bare number is bytes.
// Nothing for anything else, for zero and for what does not fit 64 bits.
std::optional<uint64_t> parse_size(std::string_view text);

// "1.5 MiB": the largest unit that leaves at least 1, one decimal unless it is whole.
std::string format_size(uint64_t bytes);

}  // namespace eremite::cli

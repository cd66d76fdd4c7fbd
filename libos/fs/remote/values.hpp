#pragma once
// What file servers tell about files, checked and converted.
#include <cstdint>
#include <optional>
#include <string_view>

#include "libos/fs/attributes.hpp"

namespace eremite::fs::remote {

// The type of a file by its mode; nothing where that is none.
[[nodiscard]] std::optional<FileType> type_of(uint32_t mode);
// What stat() recommends for transfers; C libraries allocate buffers of this size.
[[nodiscard]] uint32_t block_size_of(uint64_t server_says);
// A time as servers tell it. Saturates. What is sent as nanoseconds need not be below a second.
[[nodiscard]] int64_t time_of(uint64_t seconds, uint64_t nanoseconds);
struct SplitTime {
    uint64_t seconds;  // before 1970: two's complement
    uint32_t nanoseconds;
};
[[nodiscard]] SplitTime split_time(int64_t nanoseconds_since_epoch);
// A name that a server may tell: not empty, not too long, nothing in it that cannot be.
[[nodiscard]] bool is_name(std::string_view name);

}  // namespace eremite::fs::remote

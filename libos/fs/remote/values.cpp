#include "libos/fs/remote/values.hpp"

#include <algorithm>

#include "base/address.hpp"
#include "libos/fs/path.hpp"

namespace eremite::fs::remote {

namespace {

constexpr int64_t second = 1'000'000'000;

}  // namespace

std::optional<FileType> type_of(uint32_t mode) {
    for (const FileType type : {FileType::Regular, FileType::Directory, FileType::SymbolicLink, FileType::CharacterDevice,
                                FileType::BlockDevice, FileType::Fifo, FileType::Socket})
        if ((mode & S_IFMT) == mode_of(type)) return type;
    return std::nullopt;
}

uint32_t block_size_of(uint64_t server_says) {
    constexpr uint64_t largest = 65536;
    return static_cast<uint32_t>(std::clamp(server_says, page_size, largest));
}

int64_t time_of(uint64_t seconds, uint64_t nanoseconds) {
    const auto whole = static_cast<int64_t>(seconds);
    int64_t time = 0;
    if (__builtin_mul_overflow(whole, second, &time) || __builtin_add_overflow(time, static_cast<int64_t>(nanoseconds % uint64_t{second}), &time))
        return whole < 0 ? INT64_MIN : INT64_MAX;
    return time;
}

SplitTime split_time(int64_t nanoseconds_since_epoch) {
    int64_t seconds = nanoseconds_since_epoch / second;
    int64_t rest = nanoseconds_since_epoch % second;
    if (rest < 0) {
        --seconds;
        rest += second;
    }
    return {static_cast<uint64_t>(seconds), static_cast<uint32_t>(rest)};
}

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= name_maximum && std::none_of(name.begin(), name.end(), [](char c) { return c == '/' || c == '\0'; });
}

}  // namespace eremite::fs::remote

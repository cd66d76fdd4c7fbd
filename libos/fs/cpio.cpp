#include "libos/fs/cpio.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>

namespace eremite::fs {

namespace {

constexpr size_t header_size = 110;
constexpr size_t magic_size = 6;
constexpr size_t number_size = 8;
constexpr size_t name_limit = 4096;
constexpr std::string_view plain_magic = "070701";
constexpr std::string_view checksum_magic = "070702";
constexpr std::string_view trailer = "TRAILER!!!";

// The fields behind the magic, in their order.
enum Field : size_t {
    Inode,
    Mode,
    Uid,
    Gid,
    Links,
    Time,
    Size,
    DeviceMajor,
    DeviceMinor,
    NodeMajor,
    NodeMinor,
    NameSize,
    Check,
    FieldCount
};
static_assert(magic_size + FieldCount * number_size == header_size);

std::string_view text_of(std::span<const uint8_t> bytes) {
    // SAFETY: characters may alias any bytes.
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<uint32_t> hexadecimal(std::string_view digits) {
    uint32_t value = 0;
    for (const char c : digits) {
        uint32_t digit = 0;
        if (c >= '0' && c <= '9') digit = static_cast<uint32_t>(c - '0');
        else if (c >= 'a' && c <= 'f') digit = static_cast<uint32_t>(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F') digit = static_cast<uint32_t>(c - 'A') + 10;
        else return std::nullopt;
        value = value << 4 | digit;
    }
    return value;
}

// The compressions that Linux takes for an initramfs, by their first bytes.
bool looks_compressed(std::string_view text) {
    constexpr std::array<std::string_view, 6> magics{"\x1f\x8b", "BZh", "\xfd"
                                                                      "7zXZ",
                                                     "\x28\xb5\x2f\xfd", "\x02\x21\x4c\x18", "\x89LZO"};
    return std::any_of(magics.begin(), magics.end(), [&](std::string_view m) { return text.starts_with(m); });
}

constexpr size_t padded(size_t size) { return (size + 3) & ~size_t{3}; }

}  // namespace

std::string_view to_string(CpioError error) {
    switch (error) {
        case CpioError::None: return "no error";
        case CpioError::Truncated: return "truncated";
        case CpioError::BadMagic: return "no archive header";
        case CpioError::BadNumber: return "malformed number";
        case CpioError::BadName: return "malformed name";
        case CpioError::BadChecksum: return "wrong checksum";
        case CpioError::MissingTrailer: return "missing trailer";
        case CpioError::Compressed: return "compressed archive";
    }
    return "unknown error";
}

CpioReader::Step CpioReader::fail(CpioError error, size_t offset) {
    error_ = error;
    offset_ = offset;
    return Step::Failed;
}

CpioReader::Step CpioReader::next(CpioEntry& entry) {
    if (error_ != CpioError::None) return Step::Failed;
    if (!inside_) {
        // Archives may be padded with zeros, before the first as well as between them.
        while (offset_ < bytes_.size() && bytes_[offset_] == 0) ++offset_;
    }
    if (offset_ >= bytes_.size()) return inside_ ? fail(CpioError::MissingTrailer, bytes_.size()) : Step::End;
    return read_entry(entry);
}

CpioReader::Step CpioReader::read_entry(CpioEntry& entry) {
    const std::span<const uint8_t> rest = bytes_.subspan(offset_);
    const std::string_view text = text_of(rest);
    const std::string_view magic = text.substr(0, magic_size);
    const bool checked = magic == checksum_magic;
    if (magic != plain_magic && !checked) {
        if (!inside_ && looks_compressed(text)) return fail(CpioError::Compressed, offset_);
        const bool cut = magic.size() < magic_size && plain_magic.starts_with(magic);
        return fail(cut ? CpioError::Truncated : CpioError::BadMagic, offset_);
    }
    if (rest.size() < header_size) return fail(CpioError::Truncated, bytes_.size());
    std::array<uint32_t, FieldCount> fields;
    for (size_t i = 0; i < FieldCount; ++i) {
        const size_t at = magic_size + i * number_size;
        const auto number = hexadecimal(text.substr(at, number_size));
        if (!number) return fail(CpioError::BadNumber, offset_ + at);
        fields[i] = *number;
    }

    // All sums stay far below 2^64: the fields have 32 bits.
    const size_t name_size = fields[NameSize];
    if (name_size < 2 || name_size > name_limit) return fail(CpioError::BadName, offset_ + magic_size + NameSize * number_size);
    const size_t data_start = padded(header_size + name_size);
    if (rest.size() < header_size + name_size) return fail(CpioError::Truncated, bytes_.size());
    const std::string_view name = text.substr(header_size, name_size - 1);
    if (text[header_size + name_size - 1] != 0 || name.find('\0') != name.npos) return fail(CpioError::BadName, offset_ + header_size);

    if (name == trailer) {
        inside_ = false;
        offset_ += std::min(padded(data_start + fields[Size]), rest.size());
        return Step::EndOfArchive;
    }
    const size_t size = fields[Size];
    if (rest.size() < data_start || size > rest.size() - data_start) return fail(CpioError::Truncated, bytes_.size());
    const std::span<const uint8_t> data = rest.subspan(data_start, size);
    if (checked && S_ISREG(fields[Mode])) {
        uint32_t sum = 0;
        for (const uint8_t byte : data) sum += byte;
        if (sum != fields[Check]) return fail(CpioError::BadChecksum, offset_ + magic_size + Check * number_size);
    }
    entry = {.name = name,
             .data = data,
             .inode = fields[Inode],
             .mode = fields[Mode],
             .links = fields[Links],
             .uid = fields[Uid],
             .gid = fields[Gid],
             .modification_time = fields[Time],
             .device_major = fields[DeviceMajor],
             .device_minor = fields[DeviceMinor],
             .node_major = fields[NodeMajor],
             .node_minor = fields[NodeMinor]};
    inside_ = true;
    // The last entry's padding may be cut off together with the trailer, which next() then misses.
    offset_ += std::min(padded(data_start + size), rest.size());
    return Step::Entry;
}

}  // namespace eremite::fs

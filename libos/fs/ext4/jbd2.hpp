#pragma once
// The journal as it stands on the volume (Documentation/filesystems/ext4/journal.rst of Linux): big-endian, in blocks of the file
// system's size. A transaction is any number of descriptor blocks, each followed by the blocks that it lists, and of revocation
// blocks, and a commit block at the end.
#include <bit>
#include <cstdint>

namespace eremite::fs::ext4 {

// An integer in big-endian order, at any address.
template <typename T>
class [[gnu::packed]] BigEndian {
public:
    constexpr BigEndian() = default;
    constexpr BigEndian(T value) : raw_{swap(value)} {}
    constexpr operator T() const { return swap(raw_); }

private:
    static constexpr T swap(T value) {
        if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
        if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
        return __builtin_bswap64(value);
    }
    T raw_ = 0;
};
using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;
using Be64 = BigEndian<uint64_t>;

namespace jbd2 {

inline constexpr uint32_t magic = 0xc03b3998;

enum BlockType : uint32_t { descriptor_block = 1, commit_block = 2, superblock_v1 = 3, superblock_v2 = 4, revocation_block = 5 };

struct Header {
    Be32 magic;
    Be32 type;
    Be32 sequence;
};

struct SuperBlock {
    Header header;
    Be32 block_size;
    Be32 block_count;
    Be32 first;     // block of the log
    Be32 sequence;  // of the first transaction in the log
    Be32 start;     // block of the log where that is; 0: the log is empty
    Be32 error;
    Be32 compatible;
    Be32 incompatible;
    Be32 read_only_compatible;
    uint8_t uuid[16];
    Be32 users;
    Be32 dynamic_superblock;
    Be32 transaction_blocks;
    Be32 transaction_data;
    uint8_t checksum_type;
    uint8_t padding2[3];
    Be32 fast_commit_blocks;
    Be32 head;
    Be32 padding[40];
    Be32 checksum;
    uint8_t user_ids[16 * 48];
};
static_assert(sizeof(SuperBlock) == 1024);

enum Compatible : uint32_t { old_checksums = 1 };
enum Incompatible : uint32_t { revocations = 1, wide = 2, async_commit = 4, checksums_v2 = 8, checksums_v3 = 16, fast_commit = 32 };
inline constexpr uint32_t known_incompatible = revocations | wide | async_commit | checksums_v2 | checksums_v3 | fast_commit;
inline constexpr uint8_t crc32c_type = 4;

enum TagFlag : uint32_t { escaped = 1, same_uuid = 2, deleted = 4, last_tag = 8 };

// A block in a descriptor, with checksums of the third version.
struct Tag3 {
    Be32 block;
    Be32 flags;
    Be32 block_high;
    Be32 checksum;
};
// The same without; the second version of checksums has two more bytes behind it. `block_high` is there in wide journals.
struct Tag {
    Be32 block;
    Be16 checksum;
    Be16 flags;
    Be32 block_high;
};

struct Commit {
    Header header;
    uint8_t checksum_type;
    uint8_t checksum_size;
    uint8_t padding[2];
    Be32 checksum[8];
    Be64 seconds;
    Be32 nanoseconds;
};

struct Revocations {
    Header header;
    Be32 bytes;  // with this header; block numbers follow, of 4 bytes, or 8 in wide journals
};

// With checksums, the last four bytes of descriptor and revocation blocks.
inline constexpr uint32_t tail_size = 4;

}  // namespace jbd2

}  // namespace eremite::fs::ext4

#include "libos/fs/ext4/journal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "libos/fs/ext4/checksum.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::ext4 {

using namespace jbd2;

namespace {

constexpr uint32_t smallest_log = 16;
constexpr size_t uuid_size = 16;

Result<uint8_t*> allocate_block() { return direct_map(TRY(mm::page_allocator().allocate(0))).as<uint8_t>(); }
void release_block(uint8_t* bytes) { mm::page_allocator().free(physical_of_direct_map(VirtualAddress{bytes}), 0); }

}  // namespace

Journal::~Journal() {
    if (super_) release_block(super_);
}

Result<uint64_t> Journal::place_of(uint32_t at, uint32_t* following) const {
    for (const JournalPart& part : parts_) {
        if (at < part.count) {
            if (following) *following = part.count - at - 1;
            return part.first + at;
        }
        at -= part.count;
    }
    return Error{EUCLEAN};
}

Result<void> Journal::read(uint32_t at, uint8_t* bytes) {
    const block::Segment segment{physical_of_direct_map(VirtualAddress{bytes}), block_size_};
    return device_.read(sector_of(TRY(place_of(at))), {&segment, 1});
}

uint32_t Journal::sum_of(std::span<const uint8_t> bytes, uint32_t seed) const { return crc32c(seed, bytes); }
uint32_t Journal::seed() const { return crc32c(~uint32_t{0}, super().uuid); }

Result<void> Journal::open(Vector<JournalPart> parts) {
    parts_ = std::move(parts);
    if (!super_) super_ = TRY(allocate_block());
    TRY(read(0, super_));
    const SuperBlock& s = super();
    if (s.header.magic != magic || (s.header.type != superblock_v1 && s.header.type != superblock_v2)) return Error{EUCLEAN};
    uint64_t blocks = 0;
    for (const JournalPart& part : parts_) blocks += part.count;
    if (s.block_size != block_size_ || s.block_count > blocks) return Error{EUCLEAN};
    if (s.header.type == superblock_v1) return Error{ENOTSUP};
    if ((s.incompatible & ~known_incompatible) != 0 || s.read_only_compatible != 0) return Error{ENOTSUP};
    if (has_sums() && s.checksum_type != crc32c_type) return Error{ENOTSUP};
    // The blocks for fast commits stand behind the log.
    const uint32_t fast = has(fast_commit) ? std::max<uint32_t>(s.fast_commit_blocks, 0) : 0;
    const uint32_t count = s.block_count;
    super_first_ = s.first;
    if (super_first_ == 0 || fast > count || count - fast < super_first_ + smallest_log) return Error{EUCLEAN};
    end_ = count - fast;
    if (s.start != 0 && (s.start < super_first_ || s.start >= end_)) return Error{EUCLEAN};
    if (has_sums()) {
        SuperBlock copy = s;
        copy.checksum = 0;
        const auto* bytes = reinterpret_cast<const uint8_t*>(&copy);
        if (sum_of({bytes, sizeof copy}, ~uint32_t{0}) != s.checksum) return Error{EUCLEAN};
    }
    sequence_ = s.sequence;
    return {};
}

Result<void> Journal::write_super() {
    SuperBlock& s = super();
    s.checksum = 0;
    if (has_sums()) s.checksum = sum_of({super_, sizeof(SuperBlock)}, ~uint32_t{0});
    const block::Segment segment{physical_of_direct_map(VirtualAddress{super_}), block_size_};
    TRY(device_.write(sector_of(TRY(place_of(0))), {&segment, 1}));
    return device_.flush();
}

uint32_t Journal::tag_size() const {
    if (has(checksums_v3)) return sizeof(Tag3);
    const uint32_t narrow = has(wide) ? sizeof(Tag) : sizeof(Tag) - sizeof(Be32);
    return has(checksums_v2) ? narrow + sizeof(Be16) : narrow;
}

// The first tag is followed by the journal's identifier.
size_t Journal::tags_in_block() const {
    return (block_size_ - sizeof(Header) - (has_sums() ? tail_size : 0) - uuid_size) / tag_size();
}

size_t Journal::revoked_in_block() const {
    return (block_size_ - sizeof(Revocations) - (has_sums() ? tail_size : 0)) / (has(wide) ? sizeof(Be64) : sizeof(Be32));
}

size_t Journal::needed(size_t blocks, size_t revoked) const {
    return blocks + (blocks + tags_in_block() - 1) / tags_in_block() + (revoked + revoked_in_block() - 1) / revoked_in_block() + 1;
}

Result<void> Journal::start(bool sums, bool is_wide) {
    SuperBlock& s = super();
    uint32_t features = s.incompatible & ~(checksums_v2 | checksums_v3 | async_commit | wide | fast_commit);
    features |= revocations;
    if (is_wide) features |= wide;
    if (sums) features |= checksums_v3;
    s.incompatible = features | (s.incompatible & fast_commit);
    s.compatible = s.compatible & ~old_checksums;
    s.checksum_type = sums ? crc32c_type : 0;
    return release(false);
}

Result<void> Journal::release(bool finally) {
    if (head_ == 0 || finally) head_ = super_first_;
    used_ = 0;
    SuperBlock& s = super();
    s.sequence = sequence_;
    s.start = finally ? 0 : head_;
    s.head = 0;
    return write_super();
}

// Puts blocks into the log, neighbours in one transfer.
class Journal::Writer {
public:
    explicit Writer(Journal& journal) : journal_{journal}, at_{journal.head_} {}
    ~Writer() {
        for (uint8_t* block : own_) release_block(block);
    }

    // `bytes` stay as they are until flush().
    Result<void> add(const uint8_t* bytes) {
        uint32_t following = 0;
        const uint64_t place = TRY(journal_.place_of(at_, &following));
        if (count_ == segments_.size() || (count_ > 0 && place != first_ + count_)) TRY(flush());
        if (count_ == 0) first_ = place;
        segments_[count_++] = {physical_of_direct_map(VirtualAddress{bytes}), journal_.block_size_};
        at_ = journal_.next(at_);
        ++written_;
        return {};
    }
    // A block of our own, zeroed.
    Result<uint8_t*> make() {
        TRY(own_.reserve(own_.size() + 1));
        uint8_t* const block = TRY(allocate_block());
        std::memset(block, 0, journal_.block_size_);
        TRY(own_.push_back(block));
        return block;
    }
    Result<void> flush() {
        if (count_ == 0) return {};
        TRY(journal_.device_.write(journal_.sector_of(first_), std::span{segments_}.first(std::exchange(count_, 0))));
        return {};
    }
    // Descriptor and revocation blocks end with a checksum.
    void seal(uint8_t* block) const {
        if (!journal_.has_sums()) return;
        auto* const tail = VirtualAddress{block + journal_.block_size_ - tail_size}.as<Be32>();
        *tail = journal_.sum_of({block, journal_.block_size_}, journal_.seed());
    }
    [[nodiscard]] Header header(BlockType type) const { return {magic, type, journal_.sequence_}; }
    void finish() {
        journal_.head_ = at_;
        journal_.used_ += written_;
        ++journal_.sequence_;
    }

private:
    Journal& journal_;
    uint32_t at_, written_ = 0;
    uint64_t first_ = 0;
    size_t count_ = 0;
    std::array<block::Segment, 32> segments_;
    Vector<uint8_t*> own_;
};

Result<void> Journal::commit(List<Block, ByUse>& blocks, size_t count, std::span<const uint64_t> revoked) {
    Writer writer{*this};
    for (size_t done = 0; done < revoked.size();) {
        const size_t piece = std::min(revoked.size() - done, revoked_in_block());
        uint8_t* const block = TRY(writer.make());
        const size_t width = has(wide) ? sizeof(Be64) : sizeof(Be32);
        *VirtualAddress{block}.as<Revocations>() = {writer.header(revocation_block), static_cast<uint32_t>(sizeof(Revocations) + piece * width)};
        for (size_t i = 0; i < piece; ++i) {
            uint8_t* const place = block + sizeof(Revocations) + i * width;
            if (has(wide)) *VirtualAddress{place}.as<Be64>() = revoked[done + i];
            else *VirtualAddress{place}.as<Be32>() = static_cast<uint32_t>(revoked[done + i]);
        }
        writer.seal(block);
        TRY(writer.add(block));
        done += piece;
    }
    auto at = blocks.begin();
    for (size_t done = 0; done < count;) {
        const size_t piece = std::min(count - done, tags_in_block());
        uint8_t* const descriptor = TRY(writer.make());
        *VirtualAddress{descriptor}.as<Header>() = writer.header(descriptor_block);
        uint8_t* tag = descriptor + sizeof(Header);
        const Be32 sequence{sequence_};
        const uint32_t sequence_sum = sum_of({reinterpret_cast<const uint8_t*>(&sequence), sizeof sequence}, seed());
        // The tags name what follows: they are made first, and the descriptor, which goes first, is written with them.
        Vector<const uint8_t*> images;
        TRY(images.resize(piece));
        for (size_t i = 0; i < piece; ++i, ++at) {
            Block& block = *at;
            const uint8_t* image = block.bytes();
            uint32_t flags = 0;
            if (i != 0) flags |= same_uuid;
            if (i + 1 == piece) flags |= last_tag;
            // A block that looks like one of the journal's own is changed so that it does not.
            if (*block.as<Be32>() == magic) {
                uint8_t* const copy = TRY(writer.make());
                std::memcpy(copy, image, block_size_);
                *VirtualAddress{copy}.as<Be32>() = 0;
                image = copy;
                flags |= escaped;
            }
            images[i] = image;
            const auto low = static_cast<uint32_t>(block.number()), high = static_cast<uint32_t>(block.number() >> 32);
            if (has(checksums_v3)) {
                *VirtualAddress{tag}.as<Tag3>() = {low, flags, high, sum_of({image, block_size_}, sequence_sum)};
            } else {
                auto& plain = *VirtualAddress{tag}.as<Tag>();
                plain.block = low;
                plain.flags = static_cast<uint16_t>(flags);
                if (has(wide)) plain.block_high = high;
            }
            tag += tag_size();
            if (i == 0) {
                std::memcpy(tag, super().uuid, uuid_size);
                tag += uuid_size;
            }
        }
        writer.seal(descriptor);
        TRY(writer.add(descriptor));
        for (size_t i = 0; i < piece; ++i) TRY(writer.add(images[i]));
        done += piece;
    }
    TRY(writer.flush());
    // What the transaction refers to, and all of it but its end, must last before its end does.
    TRY(device_.flush());
    uint8_t* const last = TRY(writer.make());
    auto& commit = *VirtualAddress{last}.as<Commit>();
    commit.header = writer.header(commit_block);
    const int64_t now = platform::realtime_now(), second = Duration::seconds(1).ns;
    commit.seconds = static_cast<uint64_t>(now / second);
    commit.nanoseconds = static_cast<uint32_t>(now % second);
    if (has_sums()) commit.checksum[0] = sum_of({last, block_size_}, seed());
    TRY(writer.add(last));
    TRY(writer.flush());
    TRY(device_.flush());
    writer.finish();
    return {};
}

}  // namespace eremite::fs::ext4

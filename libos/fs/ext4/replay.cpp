// The journal's other half: what a crash left in it takes effect. Three passes, as the format wants it: where the log ends, which
// blocks were revoked, and then the blocks themselves.
#include <algorithm>
#include <cstring>

#include "libos/fs/ext4/checksum.hpp"
#include "libos/fs/ext4/journal.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ext4 {

using namespace jbd2;

namespace {

// A block is not to be replayed from this transaction, nor from earlier ones.
struct Revocation {
    uint64_t block;
    uint32_t sequence;
};

// Sequence numbers go round.
bool is_after(uint32_t left, uint32_t right) { return static_cast<int32_t>(left - right) > 0; }

struct Entry {
    uint64_t block;
    uint32_t flags;
    uint32_t checksum;
    bool narrow_checksum;
};

// Memory of a block, for as long as the object.
class Buffer {
public:
    Result<void> allocate() {
        page_ = TRY(mm::page_allocator().allocate(0));
        return {};
    }
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() {
        if (page_.value != 0) mm::page_allocator().free(page_, 0);
    }
    [[nodiscard]] uint8_t* bytes() const { return direct_map(page_).as<uint8_t>(); }
    [[nodiscard]] PhysicalAddress address() const { return page_; }

private:
    PhysicalAddress page_{};
};

}  // namespace

class Journal::Reader {
public:
    explicit Reader(Journal& journal) : journal_{journal}, seed_{journal.seed()} {}

    Result<ReplayReport> run() {
        TRY(head_.allocate());
        TRY(data_.allocate());
        TRY(pass(Pass::Scan));
        end_ = sequence_;
        TRY(pass(Pass::Revoke));
        std::sort(revoked_.begin(), revoked_.end(), [](const Revocation& a, const Revocation& b) { return a.block < b.block; });
        TRY(pass(Pass::Replay));
        return report_;
    }
    [[nodiscard]] uint32_t end() const { return end_; }

private:
    enum class Pass : uint8_t { Scan, Revoke, Replay };

    Result<void> pass(Pass pass) {
        uint32_t at = journal_.super().start;
        sequence_ = journal_.super().sequence;
        // A log is looked through once, however its blocks are linked.
        uint32_t left = journal_.capacity();
        while (left > 0 && (pass == Pass::Scan || sequence_ != end_)) {
            TRY(journal_.read(at, head_.bytes()));
            const auto& header = *VirtualAddress{head_.bytes()}.as<const Header>();
            if (header.magic != magic || header.sequence != sequence_) break;
            uint32_t skipped = 1;
            switch (header.type) {
                case descriptor_block:
                    // In the last transaction, which may be incomplete, that is no more than its end.
                    if (!sealed(head_.bytes())) {
                        if (pass == Pass::Scan) return {};
                        return Error{EUCLEAN};
                    }
                    skipped += TRY(descriptor(pass, at));
                    break;
                case revocation_block:
                    if (pass == Pass::Revoke) TRY(revocations());
                    break;
                case commit_block:
                    if (!whole(head_.bytes())) return {};
                    ++sequence_;
                    if (pass == Pass::Replay) ++report_.transactions;
                    break;
                default: return {};
            }
            if (skipped > left) return {};
            left -= skipped;
            for (; skipped > 0; --skipped) at = journal_.next(at);
        }
        return {};
    }

    [[nodiscard]] bool sealed(const uint8_t* bytes) const {
        if (!journal_.has_sums()) return true;
        const uint32_t size = journal_.block_size_ - tail_size;
        return with_zeros({bytes, journal_.block_size_}, size) == *VirtualAddress{bytes + size}.as<const Be32>();
    }
    [[nodiscard]] bool whole(const uint8_t* bytes) const {
        if (!journal_.has_sums()) return true;
        const auto& commit = *VirtualAddress{bytes}.as<const Commit>();
        return with_zeros({bytes, journal_.block_size_}, offsetof(Commit, checksum)) == commit.checksum[0];
    }
    // The checksum of a block whose four bytes at `hole` are taken for zeros.
    [[nodiscard]] uint32_t with_zeros(std::span<const uint8_t> bytes, size_t hole) const {
        static constexpr uint8_t zeros[tail_size] = {};
        const uint32_t sum = crc32c(crc32c(seed_, bytes.first(hole)), zeros);
        return crc32c(sum, bytes.subspan(hole + tail_size));
    }

    // Takes the tag at `place` apart; returns where the next one begins.
    const uint8_t* parse(const uint8_t* place, Entry& entry) const {
        if (journal_.has(checksums_v3)) {
            const auto& tag = *VirtualAddress{place}.as<const Tag3>();
            entry = {tag.block, tag.flags, tag.checksum, false};
            if (journal_.has(wide)) entry.block |= uint64_t{tag.block_high} << 32;
        } else {
            const auto& tag = *VirtualAddress{place}.as<const Tag>();
            entry = {tag.block, tag.flags, tag.checksum, true};
            if (journal_.has(wide)) entry.block |= uint64_t{tag.block_high} << 32;
        }
        return place + journal_.tag_size() + ((entry.flags & same_uuid) != 0 ? 0 : sizeof(SuperBlock::uuid));
    }

    // Returns how many blocks follow.
    Result<uint32_t> descriptor(Pass pass, uint32_t at) {
        const uint8_t* const end = head_.bytes() + journal_.block_size_ - (journal_.has_sums() ? tail_size : 0);
        const uint8_t* place = head_.bytes() + sizeof(Header);
        uint32_t count = 0;
        while (place + journal_.tag_size() <= end) {
            Entry entry;
            place = parse(place, entry);
            at = journal_.next(at);
            ++count;
            if (pass == Pass::Replay && !is_revoked(entry.block)) TRY(put(entry, at));
            if ((entry.flags & last_tag) != 0) break;
        }
        return count;
    }

    Result<void> put(const Entry& entry, uint32_t at) {
        uint8_t* const bytes = data_.bytes();
        TRY(journal_.read(at, bytes));
        if (journal_.has_sums()) {
            const Be32 sequence{sequence_};
            const uint32_t seed = crc32c(seed_, {reinterpret_cast<const uint8_t*>(&sequence), sizeof sequence});
            const uint32_t sum = crc32c(seed, {bytes, journal_.block_size_});
            if ((entry.narrow_checksum ? sum & 0xffff : sum) != entry.checksum) return Error{EUCLEAN};
        }
        if ((entry.flags & escaped) != 0) *VirtualAddress{bytes}.as<Be32>() = magic;
        if (entry.block >= journal_.device_.limits().sectors / (journal_.block_size_ / block::sector_size)) return Error{EUCLEAN};
        const block::Segment segment{data_.address(), journal_.block_size_};
        TRY(journal_.device_.write(journal_.sector_of(entry.block), {&segment, 1}));
        ++report_.blocks;
        return {};
    }

    Result<void> revocations() {
        if (!sealed(head_.bytes())) return Error{EUCLEAN};
        const uint32_t bytes = VirtualAddress{head_.bytes()}.as<const Revocations>()->bytes;
        const uint32_t room = journal_.block_size_ - (journal_.has_sums() ? tail_size : 0);
        if (bytes > room) return Error{EUCLEAN};
        const uint32_t width = journal_.has(wide) ? sizeof(Be64) : sizeof(Be32);
        for (uint32_t offset = sizeof(Revocations); offset + width <= bytes; offset += width) {
            const VirtualAddress place{head_.bytes() + offset};
            const uint64_t block = journal_.has(wide) ? uint64_t{*place.as<const Be64>()} : uint64_t{*place.as<const Be32>()};
            TRY(revoked_.push_back({block, sequence_}));
        }
        return {};
    }

    [[nodiscard]] bool is_revoked(uint64_t block) const {
        const auto* found = std::lower_bound(revoked_.begin(), revoked_.end(), block, [](const Revocation& r, uint64_t b) { return r.block < b; });
        for (; found != revoked_.end() && found->block == block; ++found)
            if (!is_after(sequence_, found->sequence)) return true;
        return false;
    }

    Journal& journal_;
    const uint32_t seed_;
    Buffer head_, data_;
    uint32_t sequence_ = 0, end_ = 0;
    Vector<Revocation> revoked_;
    ReplayReport report_;
};

Result<ReplayReport> Journal::replay() {
    // Whether there is anything in the part for fast commits only Linux can tell.
    if (has(fast_commit)) return Error{ENOTSUP};
    Reader reader{*this};
    const ReplayReport report = TRY(reader.run());
    TRY(device_.flush());
    sequence_ = reader.end() + 1;
    TRY(release(true));
    return report;
}

}  // namespace eremite::fs::ext4

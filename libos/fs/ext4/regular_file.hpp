#pragma once
// A regular file of an ext4 file system. Its pages are cached: what is written gets its place on the volume when it is written back, unless
// the volume is nearly full; then it gets it at once, so that a write fails rather than a later fsync().
#include "libos/fs/ext4/file_data.hpp"
#include "libos/fs/ext4/node.hpp"
#include "libos/fs/page_cache/file_cache.hpp"

namespace eremite::fs::ext4 {

class RegularFile final : public Node, private PageStore {
public:
    RegularFile(FileSystem& owner, ext2_ino_t number)
        : Node{owner, number, FileType::Regular}, data_{*this}, cache_{*this, *this, owner} {}

    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;
    [[nodiscard]] Result<size_t> read(uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(uint64_t& position, IoBuffer& buffer, bool append) override;
    [[nodiscard]] Result<void> truncate(uint64_t size) override;
    [[nodiscard]] Result<void> allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) override;
    [[nodiscard]] Result<uint64_t> seek_data(uint64_t offset, bool hole) override;
    [[nodiscard]] Result<void> synchronize(bool data_only) override;
    [[nodiscard]] Result<void> appear() override;
    void lost_name() override;
    void will_replace() override { (void)cache_.write_back(); }

    [[nodiscard]] bool mappable() const override { return true; }
    [[nodiscard]] bool tracks_writes() const override { return true; }
    [[nodiscard]] Result<PhysicalAddress> page(uint64_t index, bool for_write) override;
    [[nodiscard]] Result<void> fetch(uint64_t index, bool for_write) override { return cache_.fetch(index, for_write); }
    [[nodiscard]] Result<void> synchronize_pages(uint64_t first, uint64_t count) override;
    void mapped() override { cache_.mapped(); }
    void unmapped() override { cache_.unmapped(); }

    // Whether link() may give it a name again (O_TMPFILE). These require the volume's lock.
    [[nodiscard]] bool linkable() const { return linkable_; }
    void set_linkable(bool linkable) { linkable_ = linkable; }

protected:
    void fill(Attributes& attributes) override;

private:
    class OpenFile;

    [[nodiscard]] Result<size_t> read_pages(uint64_t offset, std::span<const PhysicalAddress> frames) override { return data_.read(offset, frames); }
    [[nodiscard]] Result<void> write_pages(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) override {
        const Pages pages{offset, frames, length};
        return write_scattered({&pages, 1});
    }
    [[nodiscard]] Result<void> write_scattered(std::span<const Pages> places) override;
    [[nodiscard]] Result<size_t> prepare_write(uint64_t offset, size_t length) override;
    [[nodiscard]] bool has_room() const override { return owner_.has_room_for_page(); }
    [[nodiscard]] Result<void> store_size(uint64_t size) override;
    FileData data_;
    sched::Mutex map_;  // held while its size or map changes; taken before the volume's
    std::atomic<uint32_t> open_files_{0};
    bool linkable_ = false;
    std::atomic<bool> abandoned_{false};  // nobody can see it any more, nor will
    FileCache cache_;
};

}  // namespace eremite::fs::ext4

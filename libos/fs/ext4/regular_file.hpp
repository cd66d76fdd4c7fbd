#pragma once
// A regular file of an ext4 file system.
#include "libos/fs/ext4/file_data.hpp"
#include "libos/fs/ext4/node.hpp"

namespace eremite::fs::ext4 {

class RegularFile final : public Node {
public:
    RegularFile(FileSystem& owner, ext2_ino_t number) : Node{owner, number, FileType::Regular}, data_{*this} {}

    [[nodiscard]] Result<size_t> read(uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(uint64_t& position, IoBuffer& buffer, bool append) override;
    [[nodiscard]] Result<void> truncate(uint64_t size) override;
    [[nodiscard]] Result<void> allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) override;
    [[nodiscard]] Result<uint64_t> seek_data(uint64_t offset, bool hole) override { return data_.seek(offset, hole); }

    // Whether link() may give it a name again (O_TMPFILE). These require the volume's lock.
    [[nodiscard]] bool linkable() const { return linkable_; }
    void set_linkable(bool linkable) { linkable_ = linkable; }

private:
    class Pages;
    [[nodiscard]] uint64_t size();
    [[nodiscard]] Result<size_t> write_piece(uint64_t offset, Pages& pages, IoBuffer& buffer);

    FileData data_;
    sched::Mutex contents_;  // taken before the volume's
    bool linkable_ = false;
};

}  // namespace eremite::fs::ext4

#pragma once
// A file of ramfs. Its page frames are what mmap() maps, so reads, writes and mappings see the same bytes.
//
// Two locks: the file lock serializes reads, writes and truncation and may be held while program memory is touched, which
// may fault; the pages lock guards the page tree and is the only one that such a fault takes, through page().
#include <fcntl.h>

#include <atomic>
#include <cstdint>

#include "libos/fs/ramfs/node.hpp"
#include "libos/fs/page_tree.hpp"

namespace eremite::fs::ramfs {

class RegularFile final : public Node {
public:
    // F_SEAL_EXEC, newer than some headers.
    static constexpr uint32_t seal_executable = 0x20;

    RegularFile(FileSystem& file_system, uint32_t permissions) : Node{file_system, FileType::Regular, permissions} {}
    ~RegularFile() override;

    [[nodiscard]] Result<size_t> read(uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(uint64_t& position, IoBuffer& buffer, bool append) override;
    [[nodiscard]] Result<void> truncate(uint64_t size) override;
    [[nodiscard]] Result<void> allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) override;
    [[nodiscard]] Result<uint64_t> seek_data(uint64_t offset, bool hole) override;

    // mm::MemoryObject
    [[nodiscard]] bool mappable() const override { return true; }
    [[nodiscard]] Result<PhysicalAddress> page(uint64_t index, bool for_write) override;
    void mapped() override;
    void unmapped() override;

    [[nodiscard]] Result<void> add_seals(uint32_t seals) override;
    // `not_executable`: the file can never be made executable either.
    void allow_sealing(bool not_executable) { seals_.store(not_executable ? seal_executable : 0, std::memory_order_relaxed); }
    [[nodiscard]] Result<void> set_attributes(const AttributeChange& change) override;
    [[nodiscard]] Result<uint32_t> seals() const override { return seals_.load(std::memory_order_relaxed); }

protected:
    void fill(Attributes& attributes) override;

private:
    [[nodiscard]] PageTree::Frame frame(uint64_t index);
    [[nodiscard]] Result<size_t> write_page(uint64_t offset, size_t size, IoBuffer& buffer);
    [[nodiscard]] Result<size_t> write_new_page(uint64_t offset, size_t size, IoBuffer& buffer);
    void zero(uint64_t start, uint64_t end);
    void release_pages(uint64_t first, uint64_t last);
    [[nodiscard]] bool is_mapped();

    sync::Spinlock file_lock_{sync::Rank::File};
    sync::Spinlock pages_lock_{sync::Rank::MemoryObject};
    std::atomic<uint64_t> size_{0};  // changed under the file lock
    PageTree pages_;                 // by the pages lock
    uint32_t mappings_ = 0;          // by the pages lock
    // Only files made by memfd_create with MFD_ALLOW_SEALING can be sealed.
    std::atomic<uint32_t> seals_{F_SEAL_SEAL};
};

}  // namespace eremite::fs::ramfs

#pragma once
// An open file or directory of a server, with a handle of its own: the server checks what may be done with it, and keeps the file
// alive after its last name has gone.
#include "libos/fs/file.hpp"
#include "libos/fs/remote/node.hpp"

namespace eremite::fs::remote {

class OpenFile final : public InodeFile, public ListNode<> {
public:
    // `handle` was opened with `handle_flags`, which allow what `flags` allow.
    OpenFile(Ref<Node> node, uint32_t flags, Ref<Handle> handle, uint32_t handle_flags);
    ~OpenFile() override;

    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> read_at(uint64_t offset, IoBuffer& buffer) override { return read_from(offset, buffer); }
    [[nodiscard]] Result<size_t> write_at(uint64_t offset, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool move) override;
    [[nodiscard]] Result<void> list(DirectorySink& sink) override;
    [[nodiscard]] Result<void> flush() override;
    [[nodiscard]] Result<void> synchronize(bool data_only) override;

    [[nodiscard]] const Ref<Handle>& handle() const { return handle_; }
    // Whether the server appends whatever is written to handle().
    [[nodiscard]] bool handle_appends() const { return (handle_flags_ & O_APPEND) != 0; }
    [[nodiscard]] bool handle_reads() const { return (handle_flags_ & O_ACCMODE) != O_WRONLY; }
    [[nodiscard]] bool handle_writes() const { return (handle_flags_ & O_ACCMODE) != O_RDONLY; }
    [[nodiscard]] uint32_t handle_flags() const { return handle_flags_; }

    // What of O_* a server is told.
    [[nodiscard]] static uint32_t server_flags(uint32_t flags);

private:
    [[nodiscard]] Node& node() const;
    // The cache that this file's reads and writes go through. Null: none.
    [[nodiscard]] FileCache* cache() const;
    [[nodiscard]] Result<size_t> read_from(uint64_t& position, IoBuffer& buffer);
    [[nodiscard]] Result<size_t> write_to(uint64_t& position, IoBuffer& buffer, bool append);
    [[nodiscard]] Result<size_t> write_directly(uint64_t& position, IoBuffer& buffer, bool append);
    [[nodiscard]] Result<void> check_error();
    [[nodiscard]] Result<Ref<Handle>> handle_for(bool append);

    sched::Mutex position_lock_;
    const Ref<Handle> handle_;
    const uint32_t handle_flags_;
    uint64_t error_cursor_ = 0;  // of the cache; guarded by position_lock_
    Ref<Handle> other_handle_;  // one that does what `handle_` does not about appending; guarded by the file system's lock
    std::atomic<bool> knows_end_{false};
    // Entries of a directory that were read ahead, and the cursor of the first of them.
    std::optional<TransferBuffer> listing_;
    std::span<const uint8_t> entries_;
    uint64_t entries_at_ = 0;
};

}  // namespace eremite::fs::remote

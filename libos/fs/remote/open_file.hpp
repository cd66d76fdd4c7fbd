#pragma once
// An open file or directory of a server, with a handle of its own: the server checks what may be done with it, and keeps the file
// alive after its last name has gone.
#include "libos/fs/file.hpp"
#include "libos/fs/remote/node.hpp"

namespace eremite::fs::remote {

class OpenFile final : public InodeFile, public ListNode<> {
public:
    // `handle` was opened with `flags`.
    OpenFile(Ref<Node> node, uint32_t flags, Ref<Handle> handle);
    ~OpenFile() override;

    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> read_at(uint64_t offset, IoBuffer& buffer) override { return node().read_by(*handle_, offset, buffer); }
    [[nodiscard]] Result<size_t> write_at(uint64_t offset, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool move) override;
    [[nodiscard]] Result<void> list(DirectorySink& sink) override;
    [[nodiscard]] Result<void> flush() override { return handle_->flush(); }

    [[nodiscard]] const Ref<Handle>& handle() const { return handle_; }
    // Whether the server appends whatever is written to handle().
    [[nodiscard]] bool handle_appends() const { return handle_appends_; }

    // What of O_* a server is told.
    [[nodiscard]] static uint32_t server_flags(uint32_t flags);

private:
    [[nodiscard]] Node& node() const;
    [[nodiscard]] Result<size_t> write_to(uint64_t& position, IoBuffer& buffer, bool append);
    [[nodiscard]] Result<Ref<Handle>> handle_for(bool append);

    sched::Mutex position_lock_;
    const Ref<Handle> handle_;
    const bool handle_appends_;
    Ref<Handle> other_handle_;  // one that does what `handle_` does not about appending; guarded by the file system's lock
    std::atomic<bool> knows_end_{false};
    // Entries of a directory that were read ahead, and the cursor of the first of them.
    std::optional<TransferBuffer> listing_;
    std::span<const uint8_t> entries_;
    uint64_t entries_at_ = 0;
};

}  // namespace eremite::fs::remote

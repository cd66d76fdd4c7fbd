#pragma once
// An open file or directory of a 9P server, with a fid of its own: the server checks what may be done with it, and keeps the
// file alive after its last name has gone.
#include "libos/fs/file.hpp"
#include "libos/fs/ninep/node.hpp"

namespace eremite::fs::ninep {

class OpenFile final : public InodeFile, public ListNode<> {
public:
    // `fid` was opened with `flags`.
    OpenFile(Ref<Node> node, uint32_t flags, Ref<Fid> fid);
    ~OpenFile() override;

    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> read_at(uint64_t offset, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write_at(uint64_t offset, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool move) override;
    [[nodiscard]] Result<void> list(DirectorySink& sink) override;

    [[nodiscard]] const Ref<Fid>& fid() const { return fid_; }
    // Whether the server appends whatever is written to fid().
    [[nodiscard]] bool fid_appends() const { return fid_appends_; }

    // What of O_* a server is told.
    [[nodiscard]] static uint32_t server_flags(uint32_t flags);

private:
    [[nodiscard]] Node& node() const;
    [[nodiscard]] Result<size_t> write_to(uint64_t& position, IoBuffer& buffer, bool append);
    [[nodiscard]] Result<Ref<Fid>> fid_for(bool append);

    sched::Mutex position_lock_;
    const Ref<Fid> fid_;
    const bool fid_appends_;
    Ref<Fid> other_fid_;  // one that does what `fid_` does not about appending; guarded by the file system's lock
    std::atomic<bool> knows_end_{false};
    // Entries of a directory that were read ahead, and the cursor of the first of them.
    std::optional<TransferBuffer> listing_;
    std::span<const uint8_t> entries_;
    uint64_t entries_at_ = 0;
};

}  // namespace eremite::fs::ninep

#pragma once
// What all inodes of a 9P server's files have in common: the file's identity, the name that led to it last, and fids.
//
// A server may know a fid by its path (QEMU does), so that after an unlink only reading and writing through open fids still
// work. So a file that loses its last name through us keeps its attributes here from then on: nobody else can see it.
#include "base/tree.hpp"
#include "base/vector.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/ninep/file_system.hpp"

namespace eremite::fs::ninep {

class OpenFile;
struct ByIdentity;
struct ByDirectory;

class Node : public Inode, public TreeNode<ByIdentity>, public ListNode<ByDirectory> {
public:
    Node(FileSystem& file_system, FileType type, const Qid& qid) : Inode{type}, file_system_{file_system}, qid_{qid} {}
    ~Node() override;

    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] Result<void> set_attributes(const AttributeChange& change) override;
    [[nodiscard]] fs::FileSystem& file_system() const override { return file_system_; }
    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;
    [[nodiscard]] Result<void> synchronize(bool data_only) override;
    [[nodiscard]] Ref<Inode> parent() override;
    size_t name(std::span<char> buffer) const override;
    [[nodiscard]] bool unlinked() const override;
    [[nodiscard]] Result<size_t> extended_attribute(std::string_view name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) override;
    [[nodiscard]] Result<void> remove_extended_attribute(std::string_view name) override;
    [[nodiscard]] Result<size_t> list_extended_attributes(std::span<char> names) override;

    [[nodiscard]] FileSystem& owner() const { return file_system_; }
    [[nodiscard]] const Qid& qid() const { return qid_; }

    // Where attributes that the server tells now will do, for a moment: the call that looked the file up mostly wants them.
    void remember(const GetAttributes::Reply& reply);

protected:
    void dispose() const override;

    // A fid that is not open, for walks. ENOENT: there is no name any more, or another file has it.
    [[nodiscard]] Result<Ref<Fid>> path_fid();
    // Any fid that is there.
    [[nodiscard]] Result<Ref<Fid>> any_fid();
    // A fid that is open for reading or writing: of an open file, else one that is kept.
    [[nodiscard]] Result<Ref<Fid>> data_fid(bool for_writing);
    // Another fid of the file, opened.
    [[nodiscard]] Result<Ref<Fid>> open_fid(uint32_t flags);
    [[nodiscard]] Attributes translate(const GetAttributes::Reply& reply) const;
    // The size as the server has it; and what it has become by our writes since.
    virtual void note_size(uint64_t) {}
    [[nodiscard]] virtual uint64_t latest_size(uint64_t size) const { return size; }
    // What is remembered is not so any more.
    void changed();
    // Whether the last name went, so that attributes are kept here. Requires the lock.
    [[nodiscard]] bool detached() const { return knowledge_ == Knowledge::Kept && known_.links == 0; }

    FileSystem& file_system_;

    // All that follows is guarded by the file system's lock.
    enum class Knowledge : uint8_t { None, Fresh, Kept };
    Attributes known_;
    Knowledge knowledge_ = Knowledge::None;

private:
    friend class Directory;
    friend class OpenFile;

    Ref<Node> forget();
    [[nodiscard]] Ref<Fid> shared_fid(uint32_t flags);
    // The attributes to be kept when a name goes, asked for before; nothing when nobody but the caller knows the inode.
    [[nodiscard]] std::optional<Attributes> before_unlink();
    // The name that led here has gone. Requires the lock; what is let go comes back.
    [[nodiscard]] Ref<Fid> unlink_here(const std::optional<Attributes>& last);

    Qid qid_;
    Instant fresh_until_{};
    Ref<Node> parent_;  // the directory in which it was found
    String name_;
    bool unlinked_ = false;
    Ref<Fid> fid_;
    Ref<Fid> kept_open_[2];  // for reading, for writing
    List<OpenFile> open_files_;
};

class SymbolicLink final : public Node {
public:
    SymbolicLink(FileSystem& file_system, const Qid& qid) : Node{file_system, FileType::SymbolicLink, qid} {}
    [[nodiscard]] Result<std::string_view> link_target() override;

private:
    sched::Mutex lock_;
    String target_;  // once it was asked for
};

// A device, fifo or socket: the server has its name, what it leads to is here.
class SpecialFile final : public Node {
public:
    using Node::Node;
    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;
};

// The type of a file by its mode; nothing where that is none.
[[nodiscard]] std::optional<FileType> type_of(uint32_t mode);

}  // namespace eremite::fs::ninep

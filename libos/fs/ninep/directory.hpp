#pragma once
// A directory of a 9P server.
#include "libos/fs/ninep/node.hpp"

namespace eremite::fs::ninep {

class Directory final : public Node {
public:
    Directory(FileSystem& file_system, const Qid& qid) : Node{file_system, FileType::Directory, qid} {}
    // Once, before anybody else knows it.
    void become_root(Ref<Fid> fid) { fid_ = std::move(fid); }

    [[nodiscard]] Result<Ref<Inode>> lookup(std::string_view name) override;
    [[nodiscard]] Result<Ref<Inode>> create(std::string_view name, const NewFile& file) override;
    [[nodiscard]] Result<Ref<File>> create_open(std::string_view name, uint32_t permissions, uint32_t flags) override;
    [[nodiscard]] Result<Ref<Inode>> create_directory(std::string_view name, uint32_t permissions) override;
    [[nodiscard]] Result<void> create_symbolic_link(std::string_view name, std::string_view target) override;
    [[nodiscard]] Result<void> link(std::string_view name, Inode& target) override;
    [[nodiscard]] Result<void> unlink(std::string_view name) override { return remove_name(name, 0); }
    [[nodiscard]] Result<void> remove_directory(std::string_view name) override { return remove_name(name, Unlink::remove_directory); }
    [[nodiscard]] Result<void> rename(std::string_view name, Inode& to, std::string_view new_name, RenameMode mode) override;
    [[nodiscard]] Result<void> list(uint64_t& cursor, DirectorySink& sink) override;

private:
    friend class Node;
    struct Found {
        Qid qid;
        FileType type;
        Ref<Fid> fid;  // may be null
        std::optional<GetAttributes::Reply> attributes;
    };

    // Of those inodes that there are. Requires the lock.
    [[nodiscard]] Ref<Node> child(std::string_view name);
    // The inode of a file that has this name now, made if there is none. Null: names changed since `generation`.
    [[nodiscard]] Result<Ref<Node>> adopt(std::string_view name, Found found, std::optional<uint64_t> generation = {});
    // Requires the lock. What is let go comes back in `name` and `fid`, to be destroyed behind the lock; the directory in the result.
    [[nodiscard]] Ref<Node> name_child(Node& node, String& name, Ref<Fid>& fid);
    [[nodiscard]] Result<void> remove_name(std::string_view name, uint32_t flags);
    // Whether this is the directory or one below it. Requires the lock.
    [[nodiscard]] bool is_below(const Node& ancestor) const;

    sched::Mutex names_;  // held by those who change names
    List<Node, ByDirectory> children_;
};

// Gives the entries in the data of an Rreaddir to a sink, and moves `data` and `cursor` on. False: the sink is full. EIO.
[[nodiscard]] Result<bool> give_entries(std::span<const uint8_t>& data, uint64_t& cursor, Directory& directory, DirectorySink& sink);

}  // namespace eremite::fs::ninep

#pragma once
// A directory of an ext4 file system.
#include "libos/fs/ext4/directory_index.hpp"
#include "libos/fs/ext4/node.hpp"

namespace eremite::fs::ext4 {

class Directory final : public Node {
public:
    Directory(FileSystem& owner, ext2_ino_t number) : Node{owner, number, FileType::Directory} {}

    [[nodiscard]] Result<Ref<Inode>> lookup(std::string_view name) override;
    [[nodiscard]] Descent descend(std::string_view& path) override;
    [[nodiscard]] Result<Ref<Inode>> create(std::string_view name, const NewFile& file) override;
    [[nodiscard]] Result<Ref<Inode>> create_unnamed(uint32_t permissions, bool linkable) override;
    [[nodiscard]] Result<Ref<Inode>> create_directory(std::string_view name, uint32_t permissions) override;
    [[nodiscard]] Result<void> create_symbolic_link(std::string_view name, std::string_view target) override;
    [[nodiscard]] Result<void> link(std::string_view name, Inode& target) override;
    [[nodiscard]] Result<void> unlink(std::string_view name) override;
    [[nodiscard]] Result<void> remove_directory(std::string_view name) override;
    [[nodiscard]] Result<void> rename(std::string_view name, Inode& to, std::string_view new_name, RenameMode mode) override;
    [[nodiscard]] Result<void> list(uint64_t& cursor, DirectorySink& sink) override;

    void undo() override {
        index_.forget();
        Node::undo();
    }

private:
    // Takes the lock. The node whose name it was.
    [[nodiscard]] Result<Ref<Node>> remove_name(std::string_view name, bool directory);
    [[nodiscard]] Result<void> move_name(std::string_view name, Directory& to, std::string_view new_name, RenameMode mode, Ref<Node>& replaced);

    // All that follow require the volume's lock.
    [[nodiscard]] Result<Ref<Node>> find(std::string_view name);
    [[nodiscard]] Result<void> check_free(std::string_view name);
    // A new inode in this directory. Requires a running operation.
    [[nodiscard]] Result<Ref<Node>> make(uint32_t mode, uint64_t device_number);
    // These two require a running operation. The second changes the directory's times as well.
    [[nodiscard]] Result<void> add_name(std::string_view name, Node& node);
    [[nodiscard]] Result<void> enter(std::string_view name, Node& node);
    [[nodiscard]] Result<Ref<Node>> create_node(std::string_view name, uint32_t mode, uint64_t device_number, std::string_view target);
    // A name of the node has gone, if it is a directory the last one. Requires a running operation.
    [[nodiscard]] Result<void> drop_link(Node& node);
    [[nodiscard]] Result<void> count_directory(int change);
    [[nodiscard]] Result<void> may_replace(Node& moved, Node& replaced);
    [[nodiscard]] Result<void> set_parent(Directory& moved);
    [[nodiscard]] bool is_below(const Node& ancestor) const;
    void give_place(Node& node, String& name);

    DirectoryIndex index_;
};

}  // namespace eremite::fs::ext4

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
    [[nodiscard]] Result<Entry> next_entry(std::span<const uint8_t>& data) override;

private:
    struct Found final : remote::Node::Found {
        Found(FileSystem& file_system, const Qid& qid, FileType type, Ref<Fid> fid)
            : remote::Node::Found{identity_of(qid), type}, file_system{file_system}, qid{qid}, fid{std::move(fid)} {}
        [[nodiscard]] Result<Ref<remote::Node>> make() override;
        void settle(remote::Node& node, bool moved) override;
        FileSystem& file_system;
        Qid qid;
        Ref<Fid> fid;  // may be null
    };

    [[nodiscard]] FileSystem& owner() const { return static_cast<FileSystem&>(file_system_); }
    // As adopt() and child().
    [[nodiscard]] Result<Ref<remote::Node>> adopt_found(std::string_view name, Found found, std::optional<uint64_t> generation = {});
    [[nodiscard]] Ref<Node> child_node(std::string_view name) { return Ref<Node>::adopt(static_cast<Node*>(child(name).leak())); }
    [[nodiscard]] Result<void> remove_name(std::string_view name, uint32_t flags);
};

}  // namespace eremite::fs::ninep

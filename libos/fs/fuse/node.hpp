#pragma once
// What all inodes of a FUSE server's files have in common. The server keeps a file for us as long as we have its number, name or not.
#include "libos/fs/fuse/file_system.hpp"
#include "libos/fs/remote/link_target.hpp"
#include "libos/fs/remote/node.hpp"

namespace eremite::fs::fuse {

class Node : public remote::Node {
public:
    Node(FileSystem& file_system, FileType type, const remote::Identity& identity, Ref<NodeId> id)
        : remote::Node{file_system, type, identity}, id_{std::move(id)} {}

    [[nodiscard]] Result<void> set_attributes(const AttributeChange& change) override;
    [[nodiscard]] Result<Ref<remote::Handle>> open_handle(uint32_t flags) override;
    [[nodiscard]] Result<size_t> extended_attribute(std::string_view name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) override;
    [[nodiscard]] Result<void> remove_extended_attribute(std::string_view name) override;
    [[nodiscard]] Result<size_t> list_extended_attributes(std::span<char> names) override;

    [[nodiscard]] NodeId& id() const { return *id_; }
    // The number that requests carry.
    [[nodiscard]] uint64_t number() const { return id_->number(); }

protected:
    [[nodiscard]] Client& client() const { return static_cast<FileSystem&>(file_system_).client(); }
    [[nodiscard]] Result<Fetched> fetch_attributes() override;
    // EIO: these cannot be.
    [[nodiscard]] static Result<Fetched> translate(const fuse_attr& attr, uint64_t seconds, uint32_t nanoseconds,
                                                   const remote::FileSystem& file_system);
    // How long something that the server told is valid.
    [[nodiscard]] static Duration validity(uint64_t seconds, uint32_t nanoseconds);
    // Sends FUSE_SETATTR.
    [[nodiscard]] Result<void> change_attributes(const fuse_setattr_in& in);

    const Ref<NodeId> id_;

private:
    [[nodiscard]] Result<size_t> read_attribute(fuse_opcode opcode, std::string_view name, std::span<uint8_t> value);
};

class SymbolicLink final : public Node {
public:
    SymbolicLink(FileSystem& file_system, const remote::Identity& identity, Ref<NodeId> id)
        : Node{file_system, FileType::SymbolicLink, identity, std::move(id)} {}
    [[nodiscard]] Result<std::string_view> link_target() override;

private:
    remote::LinkTarget target_;
};

}  // namespace eremite::fs::fuse

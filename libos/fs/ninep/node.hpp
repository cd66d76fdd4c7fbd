#pragma once
// What all inodes of a 9P server's files have in common: their fids.
//
// A server may know a fid by its path (QEMU does), so that after an unlink only reading and writing through open fids still
// work. So a file that loses its last name through us keeps its attributes here from then on: nobody else can see it.
#include "libos/fs/ninep/file_system.hpp"
#include "libos/fs/remote/link_target.hpp"
#include "libos/fs/remote/node.hpp"

namespace eremite::fs::ninep {

class Node : public remote::Node {
public:
    Node(FileSystem& file_system, FileType type, const Qid& qid) : remote::Node{file_system, type, identity_of(qid)} {}

    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] Result<void> set_attributes(const AttributeChange& change) override;
    [[nodiscard]] Result<Ref<remote::Handle>> open_handle(uint32_t flags) override;
    [[nodiscard]] Result<size_t> extended_attribute(std::string_view name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) override;
    [[nodiscard]] Result<void> remove_extended_attribute(std::string_view name) override;
    [[nodiscard]] Result<size_t> list_extended_attributes(std::span<char> names) override;
    // Requires the lock.
    [[nodiscard]] bool detached() const override { return kept_ && known_.links == 0; }

    // A number may come back when its file has gone. What is in a symbolic link does not change, so with another version it is another one.
    [[nodiscard]] static remote::Identity identity_of(const Qid& qid) {
        constexpr unsigned type_bits = 8;
        return {qid.path, qid.type | ((qid.type & Qid::symbolic_link) != 0 ? uint64_t{qid.version} << type_bits : 0)};
    }

protected:
    [[nodiscard]] Client& client() const { return static_cast<FileSystem&>(file_system_).client(); }
    [[nodiscard]] Result<Fetched> fetch_attributes() override;
    // A fid that is not open, for walks. ENOENT: there is no name any more, or another file has it.
    [[nodiscard]] Result<Ref<Fid>> path_fid();
    // Any fid that is there.
    [[nodiscard]] Result<Ref<Fid>> any_fid();
    [[nodiscard]] static Fetched translate(const GetAttributes::Reply& reply, const remote::FileSystem& file_system, const remote::Identity& identity,
                                           FileType type);
    // What our writes have made of the size since the server told it.
    [[nodiscard]] virtual uint64_t latest_size(uint64_t size) const { return size; }

    bool kept_ = false;  // what is known of the attributes is all that there is to know. Guarded by the file system's lock, like the next
    Ref<Fid> fid_;

private:
    friend class Directory;

    // The attributes to be kept when a name goes, asked for before; nothing when nobody but the caller knows the inode.
    [[nodiscard]] std::optional<Attributes> before_unlink();
    // The name that led here has gone. Requires the lock; what is let go comes back.
    [[nodiscard]] Ref<Fid> unlink_here(const std::optional<Attributes>& last);
};

class SymbolicLink final : public Node {
public:
    SymbolicLink(FileSystem& file_system, const Qid& qid) : Node{file_system, FileType::SymbolicLink, qid} {}
    [[nodiscard]] Result<std::string_view> link_target() override;

private:
    remote::LinkTarget target_;
};

}  // namespace eremite::fs::ninep

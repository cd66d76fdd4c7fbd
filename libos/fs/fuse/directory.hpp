#pragma once
// A directory of a FUSE server.
#include <atomic>

#include "libos/fs/fuse/node.hpp"

namespace eremite::fs::fuse {

class Directory final : public Node {
public:
    Directory(FileSystem& file_system, const remote::Identity& identity, Ref<NodeId> id)
        : Node{file_system, FileType::Directory, identity, std::move(id)} {}

    [[nodiscard]] Result<Ref<Inode>> lookup(std::string_view name) override;
    [[nodiscard]] Result<Ref<Inode>> create(std::string_view name, const NewFile& file) override;
    [[nodiscard]] Result<Ref<File>> create_open(std::string_view name, uint32_t permissions, uint32_t flags) override;
    [[nodiscard]] Result<Ref<Inode>> create_directory(std::string_view name, uint32_t permissions) override;
    [[nodiscard]] Result<void> create_symbolic_link(std::string_view name, std::string_view target) override;
    [[nodiscard]] Result<void> link(std::string_view name, Inode& target) override;
    [[nodiscard]] Result<void> unlink(std::string_view name) override { return remove_name(name, FUSE_UNLINK); }
    [[nodiscard]] Result<void> remove_directory(std::string_view name) override { return remove_name(name, FUSE_RMDIR); }
    [[nodiscard]] Result<void> rename(std::string_view name, Inode& to, std::string_view new_name, RenameMode mode) override;
    [[nodiscard]] Result<Entry> next_entry(std::span<const uint8_t>& data) override;

private:
    // A file that the server tells us of, which it counts: once we have its number, it is told if we do not keep it.
    class Found final : public remote::Node::Found {
    public:
        Found(FileSystem& file_system, Ref<NodeId> id, const fuse_entry_out& entry, FileType type, const Fetched& attributes);
        [[nodiscard]] Result<Ref<remote::Node>> make() override;
        void settle(remote::Node& node, bool moved) override;

    private:
        FileSystem& file_system_;
        Ref<NodeId> id_;
    };

    [[nodiscard]] FileSystem& owner() const { return static_cast<FileSystem&>(file_system_); }
    // Sends a request that leads to a file, and finds or makes its inode. Null: names changed since `generation`.
    [[nodiscard]] Result<Ref<remote::Node>> find_by(const Request& request, std::string_view name, std::optional<uint64_t> generation = {});
    // The same for one that makes a file, of this type.
    [[nodiscard]] Result<Ref<remote::Node>> make_by(const Request& request, std::string_view name, FileType type);
    [[nodiscard]] Result<Ref<remote::Node>> accept(const fuse_entry_out& entry, Ref<NodeId> id, std::string_view name, uint64_t changes,
                                                   std::optional<uint64_t> generation);
    [[nodiscard]] Result<void> remove_name(std::string_view name, fuse_opcode opcode);

    // The server was asked for a name that it vouches for now.
    void note_asked();
    // Looks names up that may be asked for next, if there were many. True: the one that is wanted may be among them.
    [[nodiscard]] bool look_ahead();
    [[nodiscard]] Result<void> look_up_some();
    void end_pass();

    std::atomic<uint32_t> asked_{0};
    std::atomic<int64_t> last_asked_{INT64_MIN / 2};  // nanoseconds
    std::atomic<bool> looking_ahead_{false};
    // Of whoever looks ahead.
    Ref<OpenHandle> ahead_;  // a pass through the directory is under way
    uint64_t cursor_ = 0, looked_up_ = 0;
    Instant last_look_{}, next_pass_{};
};

}  // namespace eremite::fs::fuse

#pragma once
// An inode of an ext4 file system. What is on the volume is the truth; the copy here is what operations change, and it is written back
// before each of them ends.
#include <atomic>
#include <cstdint>

#include "base/tree.hpp"
#include "base/vector.hpp"
#include "libos/fs/ext4/file_system.hpp"
#include "libos/fs/ext4/mapping.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs::ext4 {

class Node : public Inode, public Follower, public TreeNode<ByNumber>, public CachedName<Node> {
public:
    Node(FileSystem& owner, ext2_ino_t number, FileType type) : Inode{type}, owner_{owner}, number_{number} {}

    [[nodiscard]] ext2_ino_t number() const { return number_; }
    // What its entries in directories say that it is.
    [[nodiscard]] uint8_t entry_type() const;
    [[nodiscard]] FileSystem& owner() const { return owner_; }
    [[nodiscard]] Volume& volume() const { return owner_.volume(); }

    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] Result<void> set_attributes(const AttributeChange& change) override;
    [[nodiscard]] Result<void> synchronize(bool data_only) override;
    [[nodiscard]] Ref<Inode> parent() override;
    size_t name(std::span<char> buffer) const override;
    [[nodiscard]] bool unlinked() const override;
    [[nodiscard]] fs::FileSystem& file_system() const override { return owner_; }

    [[nodiscard]] Result<size_t> extended_attribute(std::string_view name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) override;
    [[nodiscard]] Result<void> remove_extended_attribute(std::string_view name) override;
    [[nodiscard]] Result<size_t> list_extended_attributes(std::span<char> names) override;

    // These require the volume's lock.
    [[nodiscard]] ext2_inode& inode() { return reinterpret_cast<ext2_inode&>(inode_); }
    [[nodiscard]] ext2_inode_large& large_inode() { return inode_; }
    [[nodiscard]] FileMap map() { return {volume(), number_, inode()}; }
    // Reads it from the volume.
    [[nodiscard]] Result<void> load();
    // The same for an inode that is new here, before anybody has it.
    [[nodiscard]] virtual Result<void> appear() { return load(); }
    // Before the running operation changes it, and before the operation ends.
    void change();
    [[nodiscard]] Result<void> store();
    [[nodiscard]] uint32_t links() const { return inode_.i_links_count; }
    void set_links(uint32_t links) { inode_.i_links_count = static_cast<uint16_t>(links); }
    enum Time : uint8_t { Access = 1, Modification = 2, Change = 4, Birth = 8 };
    // Sets those of the times to the present.
    void touch(unsigned times);
    void set_time(Time time, int64_t nanoseconds);
    [[nodiscard]] int64_t time(Time time) const;
    // Something was written that is only in memory: its time is told from now on, and on the volume after the next operation, or after
    // settle_times(). These two need no lock.
    void note_write();
    [[nodiscard]] Result<void> settle_times();
    // The running transaction has what fdatasync(2) makes last.
    void data_changed() { data_transaction_ = volume().transaction(); }
    // What reading does to the time of the last access: relatime, as Linux has it by default.
    void accessed();

    // Its place in the tree of names, guarded by owner().lock(). What is let go is handed back, to be released behind the lock.
    [[nodiscard]] Ref<Node> place(Ref<Node> parent, String& name);
    [[nodiscard]] bool is_placed(const Node& parent, std::string_view name) const {
        return parent_.get() == &parent && !unlinked_ && name_.size() == name.size() && same_name(name_.view().data(), name.data(), name.size());
    }
    void lose_name() { unlinked_ = true; }

    // Behind an operation that took a name away; and before one that gives this inode a name that another one has, so that what was
    // written to it does not come later than the name. May wait.
    virtual void lost_name() {}
    virtual void will_replace() {}
    [[nodiscard]] const Ref<Node>& parent_directory() const { return parent_; }

    void undo() override;
    void keep() override;

protected:
    void dispose() const override;
    // Attributes that are more than the inode.
    virtual void fill(Attributes&) {}

    FileSystem& owner_;

private:
    // Calls function(attributes, whether there is one of the name) in an operation of its own.
    template <typename Function>
    [[nodiscard]] Result<void> change_extended_attribute(std::string_view name, Function function);
    friend class FileSystem;
    friend NameCache<Node>;

    const ext2_ino_t number_;
    ext2_inode_large inode_{};
    ext2_inode_large before_{};  // the running operation
    Ref<Node> changing_;         // itself, as long as an operation runs that changes it
    Ref<Node> parent_;
    String name_;
    bool unlinked_ = false;
    uint64_t data_transaction_ = 0;        // the last one that changed more than times
    std::atomic<int64_t> written_at_{0};   // see note_write()
    std::atomic<int64_t> access_known_until_{0};  // until then reading changes nothing
};

// Device nodes, FIFOs and sockets: what opening them means is known elsewhere.
class SpecialFile final : public Node {
public:
    using Node::Node;
    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;
};

class SymbolicLink final : public Node {
public:
    SymbolicLink(FileSystem& owner, ext2_ino_t number) : Node{owner, number, FileType::SymbolicLink} {}
    [[nodiscard]] Result<std::string_view> link_target() override;
    // Of a new one. Requires a running operation.
    [[nodiscard]] Result<void> write_target(std::string_view target);

private:
    String target_;  // once it was asked for
};

}  // namespace eremite::fs::ext4

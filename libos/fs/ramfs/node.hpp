#pragma once
// What all inodes of ramfs have in common: metadata, and the name they were linked under last.
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/vector.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/ramfs/extended_attributes.hpp"
#include "libos/fs/ramfs/file_system.hpp"

namespace eremite::fs::ramfs {

// A name in a directory. The characters stand behind the structure.
struct Entry {
    Entry* next = nullptr;          // in its hash chain
    Directory* directory = nullptr; // null once it was removed
    Ref<Node> node;                 // null once it was removed
    uint32_t hash = 0;
    uint32_t slot = 0;              // in the directory's list
    uint32_t length = 0;

    // Null when there is no memory.
    [[nodiscard]] static Entry* create(std::string_view name, uint32_t hash);
    static void destroy(Entry* entry);
    [[nodiscard]] std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), length}; }
};

class Node : public Inode {
public:
    Node(FileSystem& file_system, FileType type, uint32_t permissions);
    ~Node() override;

    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] Result<void> set_attributes(const AttributeChange& change) override;
    [[nodiscard]] fs::FileSystem& file_system() const override { return file_system_; }
    [[nodiscard]] Ref<Inode> parent() override;
    size_t name(std::span<char> buffer) const override;
    [[nodiscard]] bool unlinked() const override;
    // In the name spaces "user", "trusted" and "security" (xattr(7)).
    [[nodiscard]] Result<size_t> extended_attribute(std::string_view name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_extended_attribute(std::string_view name, std::span<const uint8_t> value, uint32_t flags) override;
    [[nodiscard]] Result<void> remove_extended_attribute(std::string_view name) override;
    [[nodiscard]] Result<size_t> list_extended_attributes(std::span<char> names) override;

    [[nodiscard]] FileSystem& owner() const { return file_system_; }
    void touch_modification();
    void touch_change();

protected:
    [[nodiscard]] uint32_t permissions() const { return permissions_.load(std::memory_order_relaxed); }
    // Adds size, blocks and device number.
    virtual void fill(Attributes& attributes) = 0;
    void touch_access();

private:
    friend class Directory;
    friend class FileSystem;

    FileSystem& file_system_;
    std::atomic<ExtendedAttributes*> extended_{nullptr};
    uint64_t number_;
    std::atomic<uint32_t> permissions_;
    std::atomic<uint32_t> uid_{0};
    std::atomic<uint32_t> gid_{0};
    std::atomic<uint32_t> links_{0};
    std::atomic<int64_t> access_time_;
    std::atomic<int64_t> modification_time_;
    std::atomic<int64_t> change_time_;
    int64_t birth_time_;
    bool linkable_ = false;  // under the tree lock: has no name yet but may get one
    // Guarded by the tree lock. The entry of the last link; owned by the node once it was removed from its directory,
    // which is then kept by `last_directory_`, for /proc/self/fd and for `..` of a removed directory.
    Entry* entry_ = nullptr;
    Ref<Directory> last_directory_;
};

class SymbolicLink final : public Node {
public:
    SymbolicLink(FileSystem& file_system, String target) : Node{file_system, FileType::SymbolicLink, 0777}, target_{std::move(target)} {}
    [[nodiscard]] Result<std::string_view> link_target() override {
        touch_access();
        return target_.view();
    }

protected:
    void fill(Attributes& attributes) override { attributes.size = target_.size(); }

private:
    String target_;
};

// A device, socket or fifo by name only: what opening it means is decided by the file system's device opener.
class SpecialFile final : public Node {
public:
    SpecialFile(FileSystem& file_system, FileType type, uint32_t permissions, uint64_t device)
        : Node{file_system, type, permissions}, device_{device} {}
    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;

protected:
    void fill(Attributes& attributes) override { attributes.device_number = device_; }

private:
    uint64_t device_;
};

}  // namespace eremite::fs::ramfs

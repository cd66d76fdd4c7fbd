#pragma once
// A directory of ramfs: a hash table for names and a list of slots for readdir. A slot's number is the cursor of its entry,
// so that a listing goes on where it stopped although names come and go.
#include <cstdint>
#include <string_view>

#include "base/vector.hpp"
#include "libos/fs/ramfs/node.hpp"

namespace eremite::fs::ramfs {

class Directory final : public Node {
public:
    Directory(FileSystem& file_system, uint32_t permissions) : Node{file_system, FileType::Directory, permissions} {}
    ~Directory() override;

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

protected:
    void fill(Attributes& attributes) override;

private:
    friend class FileSystem;
    struct Slot {
        Entry* entry = nullptr;
        uint32_t next_free = 0;  // plus one; 0 ends the list
    };
    // Lets go of all entries; directories that end with that are put in front of the chain.
    void release_entries(Ref<Directory>& chain);
    // All below require the tree lock.
    [[nodiscard]] Entry* find(std::string_view name, uint32_t hash) const;
    [[nodiscard]] Result<void> insert(Entry* entry, Ref<Node> node);
    [[nodiscard]] Result<void> make_room();
    void place(Entry* entry, Ref<Node> node);
    [[nodiscard]] Result<void> may_rename(const Entry* from, const Directory& to, const Entry* target, RenameMode mode) const;
    void exchange(Entry* a, Directory& other, Entry* b);
    void remove(Entry* entry);
    void grow_buckets();
    [[nodiscard]] bool is_below(const Node& ancestor) const;
    static void detach(Ref<Node> node, Entry* entry, Directory& directory);
    static void attach(Ref<Node> node, Entry* entry);
    static void count_directory(Directory& directory, const Node& node, int change);

    [[nodiscard]] Result<void> add_new(std::string_view name, Ref<Node> node);
    [[nodiscard]] Result<void> remove_name(std::string_view name, bool directory);
    void inherit(Node& node) const;

    Vector<Entry*> buckets_;
    Vector<Slot> slots_;
    uint32_t first_free_ = 0;  // plus one
    uint32_t count_ = 0;
    bool removed_ = false;
};

}  // namespace eremite::fs::ramfs

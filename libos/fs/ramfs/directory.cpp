#include "libos/fs/ramfs/directory.hpp"

#include <array>

#include "base/format.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/name_hash.hpp"
#include "libos/fs/ramfs/regular_file.hpp"

namespace eremite::fs::ramfs {

namespace {

constexpr uint64_t first_entry_cursor = 2;  // behind "." and ".."

}  // namespace

// A directory that is not empty ends with its whole file system. What is below goes in a loop, since a recursion could be
// as deep as the tree: directories that nobody else holds form a chain until their turn comes.
Directory::~Directory() {
    Ref<Directory> chain;
    release_entries(chain);
    while (chain) {
        const Ref<Directory> directory = std::move(chain);
        chain = std::move(directory->last_directory_);
        directory->release_entries(chain);
    }
}

void Directory::release_entries(Ref<Directory>& chain) {
    {
        // One that waits in the chain can still be reached from below.
        const sync::Guard guard{owner().tree_lock()};
        removed_ = true;
    }
    for (Slot& slot : slots_) {
        Ref<Node> node;
        const sync::Guard guard{owner().tree_lock()};
        Entry* const entry = slot.entry;
        if (!entry) continue;
        node = std::move(entry->node);
        if (node->entry_ == entry) node->entry_ = nullptr;
        remove(entry);
        Entry::destroy(entry);
        if (!node->is_directory() || node->reference_count() != 1) continue;
        auto& child = static_cast<Directory&>(*node);
        child.last_directory_ = std::move(chain);
        chain = Ref<Directory>::share(&child);
    }
}

void Directory::fill(Attributes& attributes) {
    const sync::Guard guard{owner().tree_lock()};
    // The figure that tmpfs shows: 20 bytes for each entry.
    attributes.size = (uint64_t{count_} + 2) * 20;
}

Entry* Directory::find(std::string_view name, uint32_t hash) const {
    if (buckets_.empty()) return nullptr;
    for (Entry* entry = buckets_[hash & (buckets_.size() - 1)]; entry; entry = entry->next) {
        if (entry->hash == hash && entry->length == name.size() && same_name(entry->name().data(), name.data(), name.size())) return entry;
    }
    return nullptr;
}

// Keeps chains short. Failing is harmless: they get longer.
void Directory::grow_buckets() {
    Vector<Entry*> grown;
    if (!grown.resize(buckets_.size() * 4).ok()) return;
    for (const Slot& slot : slots_) {
        if (!slot.entry) continue;
        Entry*& head = grown[slot.entry->hash & (grown.size() - 1)];
        slot.entry->next = head;
        head = slot.entry;
    }
    buckets_ = std::move(grown);
}

// After this one place() cannot fail. ENOSPC.
Result<void> Directory::make_room() {
    if (!FileSystem::has_room()) return Error{ENOSPC};
    if (buckets_.empty() && !buckets_.resize(8).ok()) return Error{ENOSPC};
    if (first_free_ == 0) {
        if (!slots_.push_back({nullptr, 0}).ok()) return Error{ENOSPC};
        first_free_ = static_cast<uint32_t>(slots_.size());
    }
    if (count_ >= buckets_.size() * 2) grow_buckets();
    return {};
}

Result<void> Directory::insert(Entry* entry, Ref<Node> node) {
    if (removed_) return Error{ENOENT};
    TRY(make_room());
    place(entry, std::move(node));
    return {};
}

// Requires: make_room() succeeded.
void Directory::place(Entry* entry, Ref<Node> node) {
    Slot& slot = slots_[first_free_ - 1];
    entry->slot = first_free_ - 1;
    first_free_ = slot.next_free;
    slot.entry = entry;
    Entry*& head = buckets_[entry->hash & (buckets_.size() - 1)];
    entry->next = head;
    head = entry;
    entry->directory = this;
    ++count_;
    attach(std::move(node), entry);
}

void Directory::remove(Entry* entry) {
    for (Entry** link = &buckets_[entry->hash & (buckets_.size() - 1)]; *link; link = &(*link)->next) {
        if (*link != entry) continue;
        *link = entry->next;
        break;
    }
    Slot& slot = slots_[entry->slot];
    slot.entry = nullptr;
    slot.next_free = first_free_;
    first_free_ = entry->slot + 1;
    entry->directory = nullptr;
    --count_;
}

// The node is known by this entry from now on.
void Directory::attach(Ref<Node> node, Entry* entry) {
    if (node->entry_ && !node->entry_->directory) Entry::destroy(node->entry_);
    node->entry_ = entry;
    node->last_directory_ = nullptr;
    entry->node = std::move(node);
}

// `entry` was removed or given to another node; the node keeps it, and its directory, if it was known by it.
void Directory::detach(Ref<Node> node, Entry* entry, Directory& directory) {
    if (node->entry_ != entry) {
        Entry::destroy(entry);
        return;
    }
    node->last_directory_ = Ref<Directory>::share(&directory);
}

void Directory::count_directory(Directory& directory, const Node& node, int change) {
    if (node.is_directory()) directory.links_.fetch_add(static_cast<uint32_t>(change), std::memory_order_relaxed);
}

bool Directory::is_below(const Node& ancestor) const {
    const Node* node = this;
    while (node) {
        if (node == &ancestor) return true;
        node = node->entry_ && node->entry_->directory ? node->entry_->directory : node->last_directory_.get();
    }
    return false;
}

// A directory with the set-group-ID bit hands its group on (inode(7)).
void Directory::inherit(Node& node) const {
    const uint32_t permissions = permissions_.load(std::memory_order_relaxed);
    if ((permissions & S_ISGID) == 0) return;
    node.gid_.store(gid_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    if (node.is_directory()) node.permissions_.fetch_or(S_ISGID, std::memory_order_relaxed);
}

Result<Ref<Inode>> Directory::lookup(std::string_view name) {
    const uint32_t hash = hash_name(name);
    const sync::Guard guard{owner().tree_lock()};
    const Entry* entry = find(name, hash);
    if (!entry) return Error{ENOENT};
    return Ref<Inode>{entry->node};
}

Inode::Descent Directory::descend(std::string_view& path) {
    const sync::Guard guard{owner().tree_lock()};
    Directory* directory = this;
    for (;;) {
        const auto [length, hash] = first_component(path);
        const std::string_view name = path.substr(0, length);
        const Entry* const entry = directory->find(name, hash);
        const bool last = length == path.size();
        if (!entry) {
            if (!last || name == "." || name == ".." || length > name_maximum) break;
            return {Ref<Inode>::share(directory), nullptr, true};
        }
        Node* const node = entry->node.get();
        if (last) {
            if (node->is_mount_point() || node->type() == FileType::SymbolicLink) break;
            return {Ref<Inode>::share(directory), Ref<Inode>::share(node), true};
        }
        const size_t next = path.find_first_not_of('/', length);
        if (next == path.npos || !node->is_directory()) break;
        directory = static_cast<Directory*>(node);
        path.remove_prefix(next);
        if (node->is_mount_point()) break;
    }
    if (directory == this) return {};
    return {Ref<Inode>::share(directory), nullptr, false};
}

Result<void> Directory::add_new(std::string_view name, Ref<Node> node) {
    const uint32_t hash = hash_name(name);
    inherit(*node);
    Entry* entry = Entry::create(name, hash);
    if (!entry) return Error{ENOMEM};
    Result<void> result;
    {
        const sync::Guard guard{owner().tree_lock()};
        if (find(name, hash)) {
            result = Error{EEXIST};
        } else {
            result = insert(entry, node);
        }
        if (result.ok()) {
            node->links_.fetch_add(node->is_directory() ? 2 : 1, std::memory_order_relaxed);
            count_directory(*this, *node, 1);
        }
    }
    if (!result.ok()) {
        Entry::destroy(entry);
        return result;
    }
    touch_modification();
    return {};
}

Result<Ref<Inode>> Directory::create(std::string_view name, const NewFile& file) {
    Ref<Node> node;
    switch (file.mode & S_IFMT) {
        case 0:
        case S_IFREG: node = TRY(make_ref<RegularFile>(owner(), file.mode)); break;
        case S_IFCHR: node = TRY(make_ref<SpecialFile>(owner(), FileType::CharacterDevice, file.mode, file.device_number)); break;
        case S_IFBLK: node = TRY(make_ref<SpecialFile>(owner(), FileType::BlockDevice, file.mode, file.device_number)); break;
        case S_IFIFO: node = TRY(make_ref<SpecialFile>(owner(), FileType::Fifo, file.mode, 0U)); break;
        case S_IFSOCK: node = TRY(make_ref<SpecialFile>(owner(), FileType::Socket, file.mode, 0U)); break;
        default: return Error{EINVAL};
    }
    TRY(add_new(name, node));
    return Ref<Inode>{std::move(node)};
}

// Its path shows the directory and a name made of its number, as on Linux.
Result<Ref<Inode>> Directory::create_unnamed(uint32_t permissions, bool linkable) {
    if (!FileSystem::has_room()) return Error{ENOSPC};
    Ref<Node> file = TRY(make_ref<RegularFile>(owner(), permissions));
    std::array<char, 24> text;
    BufferSink name{text};
    format(name, "#{}", file->number_);
    file->entry_ = Entry::create(name.view(), 0);
    if (!file->entry_) return Error{ENOMEM};
    file->linkable_ = linkable;
    inherit(*file);
    const sync::Guard guard{owner().tree_lock()};
    file->last_directory_ = Ref<Directory>::share(this);
    return Ref<Inode>{std::move(file)};
}

Result<Ref<Inode>> Directory::create_directory(std::string_view name, uint32_t permissions) {
    Ref<Directory> node = TRY(make_ref<Directory>(owner(), permissions));
    TRY(add_new(name, node));
    return Ref<Inode>{std::move(node)};
}

Result<void> Directory::create_symbolic_link(std::string_view name, std::string_view target) {
    return add_new(name, TRY(make_ref<SymbolicLink>(owner(), TRY(String::copy(target)))));
}

Result<void> Directory::link(std::string_view name, Inode& target) {
    if (&target.file_system() != &file_system()) return Error{EXDEV};
    if (target.is_directory()) return Error{EPERM};
    Ref<Node> node = Ref<Node>::share(static_cast<Node*>(&target));
    const uint32_t hash = hash_name(name);
    Entry* entry = Entry::create(name, hash);
    if (!entry) return Error{ENOMEM};
    Result<void> result;
    {
        const sync::Guard guard{owner().tree_lock()};
        if (find(name, hash)) result = Error{EEXIST};
        else if (node->links_.load(std::memory_order_relaxed) == 0 && !node->linkable_) result = Error{ENOENT};
        else result = insert(entry, node);
        if (result.ok()) node->links_.fetch_add(1, std::memory_order_relaxed);
        if (result.ok()) node->linkable_ = false;
    }
    if (!result.ok()) {
        Entry::destroy(entry);
        return result;
    }
    node->touch_change();
    touch_modification();
    return {};
}

Result<void> Directory::remove_name(std::string_view name, bool directory) {
    Ref<Node> node;  // released behind the lock: with it the file's pages may go
    {
        const uint32_t hash = hash_name(name);
        const sync::Guard guard{owner().tree_lock()};
        Entry* entry = find(name, hash);
        if (!entry) return Error{ENOENT};
        if (entry->node->is_directory() != directory) return Error{directory ? ENOTDIR : EISDIR};
        if (entry->node->is_mount_point()) return Error{EBUSY};
        if (directory) {
            auto& victim = static_cast<Directory&>(*entry->node);
            if (victim.count_ != 0) return Error{ENOTEMPTY};
            victim.removed_ = true;
        }
        remove(entry);
        node = std::move(entry->node);
        node->links_.fetch_sub(directory ? 2 : 1, std::memory_order_relaxed);
        count_directory(*this, *node, -1);
        detach(node, entry, *this);
    }
    node->touch_change();
    touch_modification();
    return {};
}

Result<void> Directory::unlink(std::string_view name) { return remove_name(name, false); }

Result<void> Directory::remove_directory(std::string_view name) { return remove_name(name, true); }

Result<void> Directory::list(uint64_t& cursor, DirectorySink& sink) {
    touch_access();
    const uint64_t own_number = TRY(attributes()).inode;
    if (cursor == 0) {
        if (!sink.add(".", own_number, FileType::Directory, 1)) return {};
        cursor = 1;
    }
    if (cursor == 1) {
        const Ref<Inode> point = covered_by(*this);
        const Ref<Inode> up = point ? point->parent() : parent();
        const uint64_t number = up ? TRY(up->attributes()).inode : own_number;
        if (!sink.add("..", number, FileType::Directory, first_entry_cursor)) return {};
        cursor = first_entry_cursor;
    }
    const sync::Guard guard{owner().tree_lock()};
    for (; cursor - first_entry_cursor < slots_.size(); ++cursor) {
        const Entry* entry = slots_[cursor - first_entry_cursor].entry;
        if (entry && !sink.add(entry->name(), entry->node->number_, entry->node->type(), cursor + 1)) return {};
    }
    return {};
}

}  // namespace eremite::fs::ramfs

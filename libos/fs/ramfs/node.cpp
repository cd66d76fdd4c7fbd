#include "libos/fs/ramfs/node.hpp"

#include <cstring>

#include "libos/fs/file.hpp"
#include "libos/fs/ramfs/directory.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::ramfs {

Entry* Entry::create(std::string_view name, uint32_t hash) {
    void* memory = ::operator new(sizeof(Entry) + name.size(), std::nothrow);
    if (!memory) return nullptr;
    Entry* entry = new (memory) Entry;
    entry->hash = hash;
    entry->length = static_cast<uint32_t>(name.size());
    std::memcpy(static_cast<char*>(memory) + sizeof(Entry), name.data(), name.size());
    return entry;
}

void Entry::destroy(Entry* entry) {
    const size_t size = sizeof(Entry) + entry->length;
    entry->~Entry();
    ::operator delete(entry, size);
}

Node::Node(FileSystem& file_system, FileType type, uint32_t permissions)
    : Inode{type}, file_system_{file_system}, number_{file_system.new_inode_number()}, permissions_{permissions & 07777} {
    birth_time_ = platform::realtime_now();
    access_time_ = birth_time_;
    modification_time_ = birth_time_;
    change_time_ = birth_time_;
    file_system_.inode_created();
}

Node::~Node() {
    delete extended_.load(std::memory_order_relaxed);
    if (entry_) Entry::destroy(entry_);
    // A chain of removed directories may hang on this one alone. It is taken apart in a loop, since a recursion could be as
    // deep as paths are long.
    Ref<Directory> directory = std::move(last_directory_);
    while (directory && directory->reference_count() == 1) {
        Ref<Directory> next = std::move(static_cast<Node&>(*directory).last_directory_);
        directory = std::move(next);
    }
    file_system_.inode_destroyed();
}

Result<Attributes> Node::attributes() {
    constexpr auto relaxed = std::memory_order_relaxed;
    Attributes a;
    a.device = file_system_.device();
    a.inode = number_;
    a.mode = mode_of(type()) | permissions_.load(relaxed);
    a.links = links_.load(relaxed);
    a.uid = uid_.load(relaxed);
    a.gid = gid_.load(relaxed);
    a.access_time = access_time_.load(relaxed);
    a.modification_time = modification_time_.load(relaxed);
    a.change_time = change_time_.load(relaxed);
    a.birth_time = birth_time_;
    fill(a);
    return a;
}

Result<void> Node::set_attributes(const AttributeChange& change) {
    constexpr auto relaxed = std::memory_order_relaxed;
    if (change.permissions) permissions_.store(*change.permissions & 07777, relaxed);
    if (change.uid) uid_.store(*change.uid, relaxed);
    if (change.gid) gid_.store(*change.gid, relaxed);
    if (change.access_time) access_time_.store(*change.access_time, relaxed);
    if (change.modification_time) modification_time_.store(*change.modification_time, relaxed);
    touch_change();
    return {};
}

// As with Linux's relatime: the access time is only brought past the modification time, so that reading the same file
// again asks no clock.
void Node::touch_access() {
    constexpr auto relaxed = std::memory_order_relaxed;
    const int64_t access = access_time_.load(relaxed);
    if (access <= modification_time_.load(relaxed) || access <= change_time_.load(relaxed)) [[unlikely]]
        access_time_.store(platform::realtime_now(), relaxed);
}

void Node::touch_modification() {
    const int64_t now = platform::realtime_now();
    modification_time_.store(now, std::memory_order_relaxed);
    change_time_.store(now, std::memory_order_relaxed);
}

void Node::touch_change() { change_time_.store(platform::realtime_now(), std::memory_order_relaxed); }

Ref<Inode> Node::parent() {
    const sync::Guard guard{file_system_.tree_lock()};
    if (entry_ && entry_->directory) return Ref<Inode>::share_if_alive(entry_->directory);
    return last_directory_;
}

size_t Node::name(std::span<char> buffer) const {
    const sync::Guard guard{file_system_.tree_lock()};
    if (!entry_) return 0;
    return entry_->name().copy(buffer.data(), buffer.size());
}

bool Node::unlinked() const {
    const sync::Guard guard{file_system_.tree_lock()};
    return entry_ && !entry_->directory;
}

Result<Ref<File>> SpecialFile::open(uint32_t flags) {
    if (type() == FileType::Fifo) return Inode::open(flags);
    if (!owner().device_opener()) return Error{ENXIO};
    return owner().device_opener()(Ref<Inode>::share(this), flags);
}

}  // namespace eremite::fs::ramfs

#pragma once
// Who wants to hear of changes to which files (inotify(7)). System calls tell what they did; as long as nobody watches
// anything that is one load. Changes that others make to a shared file system are not seen.
#include <atomic>
#include <cstdint>
#include <string_view>

// Relies on what other headers of the C library define.
#include <sys/inotify.h>

#include "base/list.hpp"
#include "base/ref.hpp"
#include "libos/fs/file.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs::notify {

struct ByOwner;

// Receives events: an inotify instance.
class WatchOwner {
public:
    // `name`: of the entry in the directory that is watched; empty for the watched file itself. Requires: the lock of the table.
    virtual void event(int descriptor, uint32_t mask, uint32_t cookie, std::string_view name) = 0;

protected:
    ~WatchOwner() = default;
};

// The program's interest in one inode. Guarded by the lock of the table.
struct Watch : ListNode<>, ListNode<ByOwner> {
    Ref<Inode> inode;
    WatchOwner* owner = nullptr;
    int descriptor = 0;
    uint32_t mask = 0;
};
struct OwnedWatches {
    List<Watch, ByOwner> list;
    int last_descriptor = 0;
};

// Adds a watch, or changes the one that the owner has on the inode (IN_MASK_ADD: adds to it; IN_MASK_CREATE: EEXIST).
// Returns the watch's descriptor. ENOMEM.
[[nodiscard]] Result<int> add_watch(WatchOwner& owner, OwnedWatches& owned, Ref<Inode> inode, uint32_t mask);
// Sends IN_IGNORED. EINVAL: the owner has no such watch.
[[nodiscard]] Result<void> remove_watch(OwnedWatches& owned, int descriptor);
// Without further events: the owner ends.
void remove_watches(OwnedWatches& owned);
// The file system of this root is unmounted: IN_UNMOUNT.
void file_system_gone(const FileSystem& file_system);

// What follows is for those who changed something. All are cheap while nobody watches.

inline constinit std::atomic<uint32_t> watch_count{0};
[[nodiscard]] inline bool watching() { return watch_count.load(std::memory_order_relaxed) != 0; }

namespace detail {
void inode(Inode& inode, uint32_t event);
void self(Inode& inode, uint32_t event);
void name(Inode& directory, std::string_view name, uint32_t event, bool is_directory, uint32_t cookie);
void removed(Inode& inode);
void moved(Inode& from, std::string_view name, Inode& to, std::string_view new_name, Inode& inode, Inode* replaced);
void closed(File& file);
}  // namespace detail

// To those who watch the file, and to those who watch the directory it is in.
inline void tell(Inode& inode, uint32_t event) {
    if (watching()) [[unlikely]] detail::inode(inode, event);
}
inline void tell(File& file, uint32_t event) {
    if (watching() && file.inode()) [[unlikely]] detail::inode(*file.inode(), event);
}
// An entry was made in, or taken out of, a directory.
inline void tell_name(Inode& directory, std::string_view name, uint32_t event, bool is_directory) {
    if (watching()) [[unlikely]] detail::name(directory, name, event, is_directory, 0);
}
// The number of links has changed.
inline void tell_links(Inode& inode) {
    if (watching()) [[unlikely]] detail::self(inode, IN_ATTRIB);
}
// The inode has lost a name: perhaps it ends.
inline void tell_removed(Inode& inode) {
    if (watching()) [[unlikely]] detail::removed(inode);
}
inline void tell_moved(Inode& from, std::string_view name, Inode& to, std::string_view new_name, Inode& inode, Inode* replaced) {
    if (watching()) [[unlikely]] detail::moved(from, name, to, new_name, inode, replaced);
}
// An open file description ends.
inline void tell_closed(File& file) {
    if (watching() && file.inode() && !file.path_only()) [[unlikely]] detail::closed(file);
}

}  // namespace eremite::fs::notify

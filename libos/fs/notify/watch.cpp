#include "libos/fs/notify/watch.hpp"

#include <memory>

#include "libos/fs/path.hpp"
#include "libos/process/process.hpp"

namespace eremite::fs::notify {

namespace {

constinit sync::Spinlock table_lock{sync::Rank::Watches};
constinit List<Watch> table;

constexpr uint32_t kept_flags = IN_EXCL_UNLINK | IN_ONESHOT;

// Takes a watch out of the table. The caller drops it behind the lock. Requires: the lock.
std::unique_ptr<Watch> take_out(Watch& watch) {
    List<Watch>::remove(watch);
    List<Watch, ByOwner>::remove(watch);
    watch_count.fetch_sub(1, std::memory_order_relaxed);
    bool watched = false;
    for (const Watch& other : table) watched = watched || other.inode == watch.inode;
    watch.inode->set_watched(watched);
    return std::unique_ptr<Watch>{&watch};
}

struct Removed {
    List<Watch> watches;
    ~Removed() {
        while (Watch* const watch = watches.pop_front()) delete watch;
    }
    void add(std::unique_ptr<Watch> watch) { watches.push_back(*watch.release()); }
};

// Sends an event to all who watch this inode. `about` is what it is about, when that is an entry of this directory.
void send(const Inode& inode, uint32_t event, std::string_view name, uint32_t cookie, const Inode* about) {
    if (!inode.watched()) return;
    Removed removed;
    const sync::Guard guard{table_lock};
    for (auto i = table.begin(); i != table.end();) {
        Watch& watch = *i;
        ++i;
        if (watch.inode.get() != &inode || (watch.mask & event & IN_ALL_EVENTS) == 0) continue;
        if (about && (watch.mask & IN_EXCL_UNLINK) != 0 && about->unlinked()) continue;
        watch.owner->event(watch.descriptor, event, cookie, name);
        if ((watch.mask & IN_ONESHOT) == 0) continue;
        watch.owner->event(watch.descriptor, IN_IGNORED, 0, {});
        removed.add(take_out(watch));
    }
}

// The inode or its file system is no more: nobody can watch it any longer.
template <typename Matches>
void end_watches(Matches&& matches, uint32_t event) {
    Removed removed;
    const sync::Guard guard{table_lock};
    for (auto i = table.begin(); i != table.end();) {
        Watch& watch = *i;
        ++i;
        if (!matches(watch)) continue;
        if ((watch.mask & event) != 0 || event == IN_UNMOUNT) watch.owner->event(watch.descriptor, event, 0, {});
        watch.owner->event(watch.descriptor, IN_IGNORED, 0, {});
        removed.add(take_out(watch));
    }
}

uint32_t directory_bit(const Inode& inode) { return inode.is_directory() ? IN_ISDIR : 0; }

void end_if_gone(Inode& inode) {
    if (!inode.watched()) return;
    // A server may not know a file any more that has lost its last name.
    if (auto attributes = inode.attributes(); (attributes.ok() && attributes->links != 0) || attributes.code() == EIO) return;
    if (process::current().files().any_inode([&](const Inode& open) { return &open == &inode; })) return;
    end_watches([&](const Watch& watch) { return watch.inode.get() == &inode; }, IN_DELETE_SELF);
}

}  // namespace

Result<int> add_watch(WatchOwner& owner, OwnedWatches& owned, Ref<Inode> inode, uint32_t mask) {
    std::unique_ptr<Watch> fresh{new (std::nothrow) Watch};
    if (!fresh) return Error{ENOMEM};
    const uint32_t wanted = mask & (IN_ALL_EVENTS | kept_flags);
    const sync::Guard guard{table_lock};
    for (Watch& watch : owned.list) {
        if (watch.inode != inode) continue;
        if ((mask & IN_MASK_CREATE) != 0) return Error{EEXIST};
        watch.mask = (mask & IN_MASK_ADD) != 0 ? watch.mask | wanted : wanted;
        return watch.descriptor;
    }
    fresh->owner = &owner;
    fresh->descriptor = ++owned.last_descriptor;
    fresh->mask = wanted;
    inode->set_watched(true);
    fresh->inode = std::move(inode);
    Watch& watch = *fresh.release();
    table.push_back(watch);
    owned.list.push_back(watch);
    watch_count.fetch_add(1, std::memory_order_relaxed);
    return watch.descriptor;
}

Result<void> remove_watch(OwnedWatches& owned, int descriptor) {
    Removed removed;
    const sync::Guard guard{table_lock};
    for (Watch& watch : owned.list) {
        if (watch.descriptor != descriptor) continue;
        watch.owner->event(descriptor, IN_IGNORED, 0, {});
        removed.add(take_out(watch));
        return {};
    }
    return Error{EINVAL};
}

void remove_watches(OwnedWatches& owned) {
    Removed removed;
    const sync::Guard guard{table_lock};
    while (Watch* const watch = owned.list.front()) removed.add(take_out(*watch));
}

void file_system_gone(const FileSystem& file_system) {
    if (!watching()) return;
    end_watches([&](const Watch& watch) { return &watch.inode->file_system() == &file_system; }, IN_UNMOUNT);
}

namespace detail {

void inode(Inode& inode, uint32_t event) {
    event |= directory_bit(inode);
    // Linux tells the directory first.
    if (const Ref<Inode> parent = inode.parent(); parent && parent->watched()) {
        char name[name_maximum];
        const size_t length = inode.name(name);
        send(*parent, event, {name, length}, 0, &inode);
    }
    send(inode, event, {}, 0, nullptr);
}

void self(Inode& inode, uint32_t event) { send(inode, event | directory_bit(inode), {}, 0, nullptr); }

void name(Inode& directory, std::string_view name, uint32_t event, bool is_directory, uint32_t cookie) {
    send(directory, event | (is_directory ? IN_ISDIR : 0), name, cookie, nullptr);
}

void removed(Inode& inode) {
    if (!inode.is_directory()) self(inode, IN_ATTRIB);
    end_if_gone(inode);
}

void moved(Inode& from, std::string_view old_name, Inode& to, std::string_view new_name, Inode& inode, Inode* replaced) {
    static constinit std::atomic<uint32_t> last_cookie{0};
    const uint32_t cookie = last_cookie.fetch_add(1, std::memory_order_relaxed) + 1;
    name(from, old_name, IN_MOVED_FROM, inode.is_directory(), cookie);
    name(to, new_name, IN_MOVED_TO, inode.is_directory(), cookie);
    if (replaced) self(*replaced, IN_ATTRIB);
    send(inode, IN_MOVE_SELF, {}, 0, nullptr);
    if (replaced) end_if_gone(*replaced);
}

void closed(File& file) {
    Inode& target = *file.inode();
    inode(target, file.writable() ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    end_if_gone(target);
}

}  // namespace detail

}  // namespace eremite::fs::notify

#include "libos/fs/path.hpp"

#include <algorithm>
#include <cstring>

#include "libos/fs/mount.hpp"

namespace eremite::fs {

namespace {

// The texts still to be walked behind the symbolic links being followed. Its storage is left uninitialized: most paths
// meet no link, and clearing a kilobyte would cost more than the walk.
class PendingPaths {
public:
    PendingPaths() = default;
    PendingPaths(const PendingPaths&) = delete;
    PendingPaths& operator=(const PendingPaths&) = delete;
    ~PendingPaths() {
        while (depth_ > 0) drop(entries()[--depth_].link);
    }
    // Whether no component is left in any text.
    [[nodiscard]] bool finished() const { return nonempty_ == 0; }
    // Remembers `rest`; the text now being walked stands in `link`, which is kept alive.
    void push(std::string_view rest, Ref<Inode> link) {
        entries()[depth_++] = {rest.data(), rest.size(), link.leak()};
        if (!rest.empty()) ++nonempty_;
    }
    // The text to go on with. Requires: !finished(). Texts that ended are dropped.
    std::string_view pop() {
        for (;;) {
            const Entry& entry = entries()[--depth_];
            drop(entry.link);
            if (entry.size == 0) continue;
            --nonempty_;
            return {entry.text, entry.size};
        }
    }
    // The link in whose text the walk stands; null in the caller's path.
    [[nodiscard]] Inode* current() { return depth_ ? entries()[depth_ - 1].link : nullptr; }

private:
    struct Entry {
        const char* text;
        size_t size;
        Inode* link;
    };
    static void drop(Inode* link) { const Ref<Inode> last = Ref<Inode>::adopt(link); }
    // SAFETY: the array is raw storage of the right size and alignment; entries are trivial and written before read.
    Entry* entries() { return reinterpret_cast<Entry*>(storage_); }

    alignas(Entry) unsigned char storage_[sizeof(Entry) * (link_maximum + 1)];
    int depth_ = 0;
    int nonempty_ = 0;
};

std::string_view without_slashes(std::string_view text) {
    size_t n = 0;
    while (n < text.size() && text[n] == '/') ++n;
    return text.substr(n);
}

class Walker {
public:
    // `start` must outlive the walker.
    Walker(const Context& context, const Ref<Inode>& start, WalkFlags flags)
        : root_{flags.in_root || flags.beneath ? start : context.root()}, start_{start}, flags_{flags} {}

    Result<void> run(std::string_view path) {
        if (path.empty()) return Error{ENOENT};
        if (path.size() >= path_maximum) return Error{ENAMETOOLONG};
        rest_ = path;
        if (path.starts_with('/')) TRY(restart_at_root());
        else location_.inode = start_;
        for (;;) {
            rest_ = without_slashes(rest_);
            if (rest_.empty()) {
                // The name of the last component may stand in a link's text, so finished links stay until the end.
                if (pending_.finished()) break;
                rest_ = pending_.pop();
                continue;
            }
            TRY(step());
        }
        if (location_.inode && location_.trailing_slash && !location_.inode->is_directory() && !flags_.want_parent) return Error{ENOTDIR};
        return {};
    }
    // Requires: run() succeeded.
    Location location() {
        location_.link = Ref<Inode>::share(pending_.current());
        return std::move(location_);
    }
    Ref<Inode> inode() { return std::move(location_.inode); }

private:
    Result<void> restart_at_root() {
        if (flags_.beneath) return Error{EXDEV};
        if (flags_.no_mounts && &root_->file_system() != &start_->file_system()) return Error{EXDEV};
        location_.inode = enter_mounts(root_);
        location_.last = Location::Last::Root;
        location_.name = {};
        return {};
    }

    // Whether nothing but slashes follows here and in the texts that are pending: then this component is the last one.
    [[nodiscard]] bool is_last(std::string_view behind) const { return behind.empty() && pending_.finished(); }

    Result<void> step() {
        // What stands before a further component must exist and be a directory.
        if (!location_.inode) return Error{ENOENT};
        if (!location_.inode->is_directory()) return Error{ENOTDIR};
        if (Inode::Descent descent = location_.inode->descend(rest_); descent.directory) {
            location_.inode = std::move(descent.directory);
            if (descent.complete) {
                if (!descent.found && !pending_.finished()) return Error{ENOENT};
                location_.parent = std::exchange(location_.inode, std::move(descent.found));
                location_.name = std::exchange(rest_, {});
                location_.last = Location::Last::Name;
                location_.trailing_slash = pending_slash_;
                return {};
            }
            return cross_mounts();
        }
        // SAFETY: memchr gets a range of the text.
        const void* slash = std::memchr(rest_.data(), '/', rest_.size());
        const size_t length = slash ? static_cast<size_t>(static_cast<const char*>(slash) - rest_.data()) : rest_.size();
        const std::string_view name = rest_.substr(0, length);
        const bool slash_behind = length < rest_.size();
        rest_ = without_slashes(rest_.substr(length));
        const bool last = is_last(rest_);
        location_.trailing_slash = pending_slash_ || (last && slash_behind);

        // Where a name that cannot be one would stand matters to rename(), for it must not lead to another file system.
        if (flags_.want_parent && last && (name == "." || name == "..")) location_.parent = location_.inode;
        if (name == ".") {
            location_.last = Location::Last::Dot;
            location_.name = {};
            return {};
        }
        if (name == "..") return step_up();
        if (name.size() > name_maximum) return Error{ENAMETOOLONG};

        auto found = location_.inode->lookup(name);
        if (!found.ok()) {
            if (found.code() != ENOENT || !last) return found.error();
            location_.parent = std::move(location_.inode);
            location_.inode = nullptr;
        } else {
            location_.parent = std::move(location_.inode);
            location_.inode = std::move(*found);
            TRY(cross_mounts());
        }
        location_.name = name;
        location_.last = Location::Last::Name;
        if (location_.inode && location_.inode->type() == FileType::SymbolicLink) {
            const bool follow = !last || flags_.follow_last || (location_.trailing_slash && !flags_.want_parent);
            if (follow) return follow_link(last);
        }
        return {};
    }

    // From a directory that was entered by its name to the root of what is mounted there.
    Result<void> cross_mounts() {
        if (!location_.inode->is_mount_point()) [[likely]] return {};
        if (flags_.no_mounts) return Error{EXDEV};
        location_.inode = enter_mounts(std::move(location_.inode));
        return {};
    }

    Result<void> step_up() {
        if (flags_.beneath && location_.inode == start_) return Error{EXDEV};
        Ref<Inode> up = parent_directory(root_, location_.inode);
        if (flags_.no_mounts && &up->file_system() != &location_.inode->file_system()) return Error{EXDEV};
        location_.inode = std::move(up);
        location_.last = Location::Last::DotDot;
        location_.name = {};
        return {};
    }

    Result<void> follow_link(bool last) {
        if (flags_.no_links) return Error{ELOOP};
        if (++links_ > link_maximum) return Error{ELOOP};
        Ref<Inode> link = std::move(location_.inode);
        if (Ref<Inode> target = TRY(link->magic_target())) {
            if (flags_.no_magic) return Error{ELOOP};
            if (flags_.beneath || flags_.in_root) return Error{EXDEV};
            location_.inode = std::move(target);
            return {};
        }
        const std::string_view text = TRY(link->link_target());
        if (text.empty()) return Error{ENOENT};
        if (last && location_.trailing_slash) pending_slash_ = true;
        pending_.push(rest_, std::move(link));
        rest_ = text;
        location_.inode = std::move(location_.parent);
        return text.starts_with('/') ? restart_at_root() : Result<void>{};
    }

    const Ref<Inode>& root_;
    const Ref<Inode>& start_;
    WalkFlags flags_;
    std::string_view rest_;
    Location location_;
    PendingPaths pending_;
    bool pending_slash_ = false;  // a slash follows the last link, so its target must be a directory
    int links_ = 0;
};

}  // namespace

Result<Location> walk(const Context& context, const Ref<Inode>& start, std::string_view path, WalkFlags flags) {
    Walker walker{context, start, flags};
    TRY(walker.run(path));
    return walker.location();
}

Result<Ref<Inode>> find(const Context& context, const Ref<Inode>& start, std::string_view path, WalkFlags flags) {
    Walker walker{context, start, flags};
    TRY(walker.run(path));
    Ref<Inode> inode = walker.inode();
    if (!inode) return Error{ENOENT};
    return inode;
}

Ref<Inode> parent_directory(const Ref<Inode>& root, const Ref<Inode>& directory) {
    Ref<Inode> current = directory;
    while (current != root) {
        Ref<Inode> point = covered_by(*current);
        if (!point) break;
        current = std::move(point);
    }
    if (current == root) return enter_mounts(std::move(current));
    Ref<Inode> parent = current->parent();
    return enter_mounts(parent ? std::move(parent) : std::move(current));
}

Result<std::string_view> path_of(const Inode& inode, std::span<char> buffer) {
    size_t start = buffer.size();
    // SAFETY of the cast: reference counts and parent() do not change what the inode is.
    Ref<Inode> current = Ref<Inode>::share(const_cast<Inode*>(&inode));
    while (current) {
        while (Ref<Inode> point = covered_by(*current)) current = std::move(point);
        char name[name_maximum];
        const size_t length = current->name(name);
        if (length == 0) break;
        if (start < length + 1) return Error{ENAMETOOLONG};
        start -= length;
        std::copy_n(name, length, buffer.data() + start);
        buffer[--start] = '/';
        current = current->parent();
    }
    if (start == buffer.size()) {
        if (start == 0) return Error{ENAMETOOLONG};
        buffer[--start] = '/';
    }
    return std::string_view{buffer.data() + start, buffer.size() - start};
}

}  // namespace eremite::fs

#include "libos/fs/ninep/directory.hpp"

#include <dirent.h>

#include <algorithm>

#include "libos/fs/mount.hpp"
#include "libos/fs/ninep/open_file.hpp"
#include "libos/fs/ninep/regular_file.hpp"

namespace eremite::fs::ninep {

namespace {

Result<Ref<Node>> make_node(FileSystem& file_system, FileType type, const Qid& qid) {
    switch (type) {
        case FileType::Regular: return Ref<Node>{TRY(make_ref<RegularFile>(file_system, qid))};
        case FileType::Directory: return Ref<Node>{TRY(make_ref<Directory>(file_system, qid))};
        case FileType::SymbolicLink: return Ref<Node>{TRY(make_ref<SymbolicLink>(file_system, qid))};
        default: return Ref<Node>{TRY(make_ref<SpecialFile>(file_system, type, qid))};
    }
}

// Whether a server's qid can be that of a file of this type.
bool fits(const Qid& qid, FileType type) {
    const uint8_t expected = type == FileType::Directory ? Qid::directory : type == FileType::SymbolicLink ? Qid::symbolic_link : 0;
    return (qid.type & (Qid::directory | Qid::symbolic_link)) == expected;
}

FileType type_of_entry(const DirectoryEntry& entry) {
    if (entry.qid.type & Qid::directory) return FileType::Directory;
    if (entry.qid.type & Qid::symbolic_link) return FileType::SymbolicLink;
    // Shown as DT_UNKNOWN.
    return type_of(DTTOIF(uint32_t{entry.type})).value_or(FileType::Anonymous);
}

// Whose group a new file has is left to the server's kernel, which knows about directories that hand on theirs (inode(7)).
constexpr uint32_t no_group = ~uint32_t{0};

// Two mutexes in the order of their addresses.
class BothGuard {
public:
    BothGuard(sched::Mutex& a, sched::Mutex& b) : first_{std::min(&a, &b)}, second_{std::max(&a, &b)} {
        first_->lock();
        if (second_ != first_) second_->lock();
    }
    BothGuard(const BothGuard&) = delete;
    BothGuard& operator=(const BothGuard&) = delete;
    ~BothGuard() {
        if (second_ != first_) second_->unlock();
        first_->unlock();
    }

private:
    sched::Mutex* first_;
    sched::Mutex* second_;
};

}  // namespace

Ref<Node> Directory::child(std::string_view name) {
    for (Node& node : children_)
        if (node.name_.view() == name) return Ref<Node>::share_if_alive(&node);
    return nullptr;
}

bool Directory::is_below(const Node& ancestor) const {
    const Node* node = this;
    while (node && node != &ancestor) node = node->parent_.get();
    return node != nullptr;
}

Ref<Node> Directory::name_child(Node& node, String& name, Ref<Fid>& fid) {
    if (node.parent_.get() == this && node.name_.view() == name.view() && !node.unlinked_) {
        if (!node.fid_) std::swap(node.fid_, fid);
        return nullptr;
    }
    if (static_cast<ListNode<ByDirectory>&>(node).linked()) List<Node, ByDirectory>::remove(node);
    children_.push_front(node);
    std::swap(node.name_, name);
    std::swap(node.fid_, fid);
    node.unlinked_ = false;
    if (node.knowledge_ == Knowledge::Kept) node.knowledge_ = Knowledge::None;
    return std::exchange(node.parent_, Ref<Node>::share(this));
}

Result<Ref<Node>> Directory::adopt(std::string_view name, Found found, std::optional<uint64_t> generation) {
    if (!fits(found.qid, found.type)) return Error{EIO};
    String text = TRY(String::copy(name));
    Ref<Node> made;
    for (;;) {
        // What these hold is let go behind the lock.
        Ref<Node> node;
        Ref<Node> old_parent;
        {
            const sync::Guard guard{file_system_.lock()};
            if (generation && *generation != file_system_.generation()) return Ref<Node>{};
            node = file_system_.find(found.qid, found.type);
            if (!node && made) {
                node = made;
                file_system_.insert(*node);
                if (found.attributes) node->remember(*found.attributes);
            }
            if (node) {
                // A directory that contains itself: the server is wrong, or what we know of it has been moved about.
                if (node->is_directory() && is_below(*node)) return Error{ESTALE};
                old_parent = name_child(*node, text, found.fid);
                return node;
            }
        }
        made = TRY(make_node(file_system_, found.type, found.qid));
    }
}

Result<Ref<Inode>> Directory::lookup(std::string_view name) {
    constexpr int rounds = 8;
    Client& client = file_system_.client();
    for (int round = 1;; ++round) {
        const uint64_t generation = file_system_.generation();
        const Ref<Fid> directory = TRY(path_fid());
        Client::Walked walked = TRY(client.walk(*directory, name));
        Found found{walked.qid, FileType::Regular, std::move(walked.fid), {}};
        if (found.qid.type & Qid::directory) {
            found.type = FileType::Directory;
        } else if (found.qid.type & Qid::symbolic_link) {
            found.type = FileType::SymbolicLink;
        } else {
            Ref<Node> known;
            {
                const sync::Guard guard{file_system_.lock()};
                known = file_system_.find(found.qid, {});
            }
            // The qid does not tell files from devices.
            if (!known) found.attributes = TRY(client.call(GetAttributes{found.fid->number()}));
            const auto type = known ? known->type() : type_of(found.attributes->mode);
            if (!type) return Error{EIO};
            found.type = *type;
        }
        Ref<Node> node = TRY(adopt(name, std::move(found), round < rounds ? std::optional{generation} : std::nullopt));
        if (node) return Ref<Inode>{std::move(node)};
    }
}

Result<Ref<File>> Directory::create_open(std::string_view name, uint32_t permissions, uint32_t flags) {
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    Client::Walked file = TRY(file_system_.client().walk(*directory, {}));
    const uint32_t server_flags = OpenFile::server_flags(flags) | O_CREAT | O_EXCL;
    const OpenReply reply = TRY(file_system_.client().call(Create{file.fid->number(), name, server_flags, S_IFREG | permissions, no_group}));
    changed();
    Ref<Node> node = TRY(adopt(name, {reply.qid, FileType::Regular, nullptr, {}}));
    return Ref<File>{TRY(make_ref<OpenFile>(std::move(node), flags, std::move(file.fid)))};
}

Result<Ref<Inode>> Directory::create(std::string_view name, const NewFile& file) {
    const auto type = type_of((file.mode & S_IFMT) ? file.mode : file.mode | S_IFREG);
    if (!type || *type == FileType::Directory || *type == FileType::SymbolicLink) return Error{EINVAL};
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    const MakeNode request{directory->number(), name, mode_of(*type) | (file.mode & 07777), major_of(file.device_number), minor_of(file.device_number), no_group};
    const QidReply reply = TRY(file_system_.client().call(request));
    changed();
    return Ref<Inode>{TRY(adopt(name, {reply.qid, *type, nullptr, {}}))};
}

Result<Ref<Inode>> Directory::create_directory(std::string_view name, uint32_t permissions) {
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    const uint32_t inherited = TRY(attributes()).mode & S_ISGID;
    const QidReply reply = TRY(file_system_.client().call(MakeDirectory{directory->number(), name, permissions | inherited, no_group}));
    changed();
    return Ref<Inode>{TRY(adopt(name, {reply.qid, FileType::Directory, nullptr, {}}))};
}

Result<void> Directory::create_symbolic_link(std::string_view name, std::string_view target) {
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    TRY(file_system_.client().call(MakeSymbolicLink{directory->number(), name, target, no_group}));
    changed();
    return {};
}

Result<void> Directory::link(std::string_view name, Inode& target_inode) {
    if (&target_inode.file_system() != &file_system_) return Error{EXDEV};
    if (target_inode.is_directory()) return Error{EPERM};
    auto& target = static_cast<Node&>(target_inode);
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    const Ref<Fid> file = TRY(target.path_fid());
    TRY(file_system_.client().call(Link{directory->number(), file->number(), name}));
    changed();
    target.changed();
    return {};
}

Result<void> Directory::remove_name(std::string_view name, uint32_t flags) {
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    Ref<Node> victim;
    {
        const sync::Guard lock{file_system_.lock()};
        victim = child(name);
    }
    if (victim && victim->is_mount_point()) return Error{EBUSY};
    const auto last = victim ? victim->before_unlink() : std::nullopt;
    TRY(file_system_.client().call(Unlink{directory->number(), name, flags}));
    changed();
    if (!victim) return {};
    Ref<Fid> fid;
    const sync::Guard lock{file_system_.lock()};
    fid = victim->unlink_here(last);
    return {};
}

Result<void> Directory::rename(std::string_view name, Inode& to_inode, std::string_view new_name, RenameMode mode) {
    if (&to_inode.file_system() != &file_system_) return Error{EXDEV};
    if (!to_inode.is_directory()) return Error{ENOTDIR};
    // The protocol has nothing for it.
    if (mode == RenameMode::Exchange) return Error{EINVAL};
    auto& to = static_cast<Directory&>(to_inode);
    Client& client = file_system_.client();
    String text = TRY(String::copy(new_name));
    const BothGuard guard{names_, to.names_};
    const Ref<Fid> from_fid = TRY(path_fid());
    const Ref<Fid> to_fid = TRY(to.path_fid());
    if (mode == RenameMode::NoReplace && client.walk(*to_fid, new_name).ok()) return Error{EEXIST};
    Ref<Node> moved, target;
    {
        const sync::Guard lock{file_system_.lock()};
        moved = child(name);
        target = to.child(new_name);
    }
    if ((moved && moved->is_mount_point()) || (target && target->is_mount_point())) return Error{EBUSY};
    if (target == moved) target = nullptr;
    const auto last = target ? target->before_unlink() : std::nullopt;
    TRY(client.call(Rename{from_fid->number(), name, to_fid->number(), new_name}));
    changed();
    to.changed();
    // What is let go is destroyed behind the lock.
    Ref<Fid> target_fid, moved_fid;
    Ref<Node> old_parent;
    const sync::Guard lock{file_system_.lock()};
    file_system_.names_changed();
    if (target) target_fid = target->unlink_here(last);
    if (!moved) return {};
    moved_fid = moved->fid_;
    old_parent = to.name_child(*moved, text, moved_fid);
    if (moved->knowledge_ == Knowledge::Fresh) moved->knowledge_ = Knowledge::None;
    return {};
}

Result<bool> give_entries(std::span<const uint8_t>& data, uint64_t& cursor, Directory& directory, DirectorySink& sink) {
    while (!data.empty()) {
        std::span<const uint8_t> rest = data;
        const DirectoryEntry entry = TRY(next_entry(rest));
        uint64_t number = entry.qid.path;
        if (entry.name == ".") {
            number = directory.qid().path;
        } else if (entry.name == "..") {
            const Ref<Inode> point = covered_by(directory);
            if (const Ref<Inode> up = point ? point->parent() : nullptr) number = TRY(up->attributes()).inode;
        }
        if (!sink.add(entry.name, number, type_of_entry(entry), entry.next)) return false;
        data = rest;
        cursor = entry.next;
    }
    return true;
}

Result<void> Directory::list(uint64_t& cursor, DirectorySink& sink) {
    const Ref<Fid> fid = TRY(data_fid(false));
    const TransferBuffer buffer{file_system_, page_size};
    for (;;) {
        const size_t size = TRY(file_system_.client().read_directory(*fid, cursor, buffer.bytes()));
        std::span<const uint8_t> data = buffer.bytes().first(size);
        if (data.empty() || !TRY(give_entries(data, cursor, *this, sink))) return {};
    }
}

}  // namespace eremite::fs::ninep

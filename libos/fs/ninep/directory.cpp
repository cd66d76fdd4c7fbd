#include "libos/fs/ninep/directory.hpp"

#include <dirent.h>

#include <algorithm>

#include "libos/fs/ninep/regular_file.hpp"
#include "libos/fs/remote/open_file.hpp"
#include "libos/fs/remote/values.hpp"

namespace eremite::fs::ninep {

namespace {

Result<Ref<Node>> make_node(FileSystem& file_system, FileType type, const Qid& qid) {
    switch (type) {
        case FileType::Regular: return Ref<Node>{TRY(make_ref<RegularFile>(file_system, qid))};
        case FileType::Directory: return Ref<Node>{TRY(make_ref<Directory>(file_system, qid))};
        case FileType::SymbolicLink: return Ref<Node>{TRY(make_ref<SymbolicLink>(file_system, qid))};
        default: return Ref<Node>{TRY(make_ref<Node>(file_system, type, qid))};
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
    return remote::type_of(DTTOIF(uint32_t{entry.type})).value_or(FileType::Anonymous);
}

// Whose group a new file has is left to the server's kernel, which knows about directories that hand on theirs (inode(7)).
constexpr uint32_t no_group = ~uint32_t{0};

}  // namespace

Result<Ref<remote::Node>> Directory::Found::make() {
    Ref<Node> node = TRY(make_node(file_system, type, qid));
    return Ref<remote::Node>{std::move(node)};
}

void Directory::Found::settle(remote::Node& found, bool moved) {
    // SAFETY: all inodes of this file system are of this class.
    auto& node = static_cast<Node&>(found);
    if (moved) node.kept_ = false;
    if (moved || !node.fid_) std::swap(node.fid_, fid);
}

Result<Ref<remote::Node>> Directory::adopt_found(std::string_view name, Found found, std::optional<uint64_t> generation) {
    if (!fits(found.qid, found.type)) return Error{EIO};
    return adopt(name, found, generation);
}

Result<Ref<Inode>> Directory::lookup(std::string_view name) {
    constexpr int rounds = 8;
    Client& client = this->client();
    for (int round = 1;; ++round) {
        const uint64_t generation = file_system_.generation();
        const Ref<Fid> directory = TRY(path_fid());
        Client::Walked walked = TRY(client.walk(*directory, name));
        Found found{owner(), walked.qid, FileType::Regular, std::move(walked.fid)};
        if (found.qid.type & Qid::directory) {
            found.type = FileType::Directory;
        } else if (found.qid.type & Qid::symbolic_link) {
            found.type = FileType::SymbolicLink;
        } else {
            Ref<remote::Node> known;
            {
                const sync::Guard guard{file_system_.lock()};
                known = file_system_.find(found.identity, {});
            }
            // The qid does not tell files from devices.
            std::optional<GetAttributes::Reply> reply;
            found.changes = file_system_.changes();
            if (!known) reply = TRY(client.call(GetAttributes{found.fid->number()}));
            const auto type = known ? known->type() : remote::type_of(reply->mode);
            if (!type) return Error{EIO};
            found.type = *type;
            if (reply) found.fetched = translate(*reply, file_system_, found.identity, *type);
        }
        Ref<remote::Node> node = TRY(adopt_found(name, std::move(found), round < rounds ? std::optional{generation} : std::nullopt));
        if (node) return Ref<Inode>{std::move(node)};
    }
}

Result<Ref<File>> Directory::create_open(std::string_view name, uint32_t permissions, uint32_t flags) {
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    Client::Walked file = TRY(client().walk(*directory, {}));
    const uint32_t with = remote::Node::handle_flags(file_system_, flags);
    const uint32_t server_flags = remote::OpenFile::server_flags(with) | O_CREAT | O_EXCL;
    const OpenReply reply = TRY(client().call(Create{file.fid->number(), name, server_flags, S_IFREG | permissions, no_group}));
    changed();
    Ref<remote::Node> node = TRY(adopt_found(name, {owner(), reply.qid, FileType::Regular, nullptr}));
    return Ref<File>{TRY(make_ref<remote::OpenFile>(std::move(node), flags, std::move(file.fid), with))};
}

Result<Ref<Inode>> Directory::create(std::string_view name, const NewFile& file) {
    const auto type = remote::type_of((file.mode & S_IFMT) ? file.mode : file.mode | S_IFREG);
    if (!type || *type == FileType::Directory || *type == FileType::SymbolicLink) return Error{EINVAL};
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    const MakeNode request{directory->number(), name, mode_of(*type) | (file.mode & 07777),
                           major_of(file.device_number), minor_of(file.device_number),
                           no_group};
    const QidReply reply = TRY(client().call(request));
    changed();
    return Ref<Inode>{TRY(adopt_found(name, {owner(), reply.qid, *type, nullptr}))};
}

Result<Ref<Inode>> Directory::create_directory(std::string_view name, uint32_t permissions) {
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    const uint32_t inherited = TRY(attributes()).mode & S_ISGID;
    const QidReply reply = TRY(client().call(MakeDirectory{directory->number(), name, permissions | inherited, no_group}));
    changed();
    return Ref<Inode>{TRY(adopt_found(name, {owner(), reply.qid, FileType::Directory, nullptr}))};
}

Result<void> Directory::create_symbolic_link(std::string_view name, std::string_view target) {
    const sched::MutexGuard guard{names_};
    const Ref<Fid> directory = TRY(path_fid());
    TRY(client().call(MakeSymbolicLink{directory->number(), name, target, no_group}));
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
    TRY(client().call(Link{directory->number(), file->number(), name}));
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
        victim = child_node(name);
        // Of a file that is kept alone for its name nothing has to be known after that.
        if (victim) file_system_.names().drop(*victim);
    }
    if (victim && victim->is_mount_point()) return Error{EBUSY};
    const auto last = victim ? victim->before_unlink() : std::nullopt;
    TRY(client().call(Unlink{directory->number(), name, flags}));
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
    Client& client = this->client();
    String text = TRY(String::copy(new_name));
    const remote::BothGuard guard{names_, to.names_};
    const Ref<Fid> from_fid = TRY(path_fid());
    const Ref<Fid> to_fid = TRY(to.path_fid());
    if (mode == RenameMode::NoReplace && client.walk(*to_fid, new_name).ok()) return Error{EEXIST};
    Ref<Node> moved, target;
    {
        const sync::Guard lock{file_system_.lock()};
        moved = child_node(name);
        target = to.child_node(new_name);
        if (target) file_system_.names().drop(*target);
    }
    if ((moved && moved->is_mount_point()) || (target && target->is_mount_point())) return Error{EBUSY};
    if (target == moved) target = nullptr;
    const auto last = target ? target->before_unlink() : std::nullopt;
    TRY(client.call(Rename{from_fid->number(), name, to_fid->number(), new_name}));
    changed();
    to.changed();
    // What is let go is destroyed behind the lock.
    Ref<Fid> target_fid;
    Ref<remote::Node> old_parent;
    if (moved) moved->changed();
    const sync::Guard lock{file_system_.lock()};
    file_system_.names_changed();
    if (target) target_fid = target->unlink_here(last);
    if (!moved) return {};
    old_parent = to.place_moved(*moved, text);
    return {};
}

Result<remote::Node::Entry> Directory::next_entry(std::span<const uint8_t>& data) {
    const DirectoryEntry entry = TRY(ninep::next_entry(data));
    return Entry{entry.name, entry.qid.path, type_of_entry(entry), entry.next};
}

}  // namespace eremite::fs::ninep

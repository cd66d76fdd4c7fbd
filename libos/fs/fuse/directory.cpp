#include "libos/fs/fuse/directory.hpp"

#include <dirent.h>
#include <linux/fs.h>

#include "libos/fs/fuse/regular_file.hpp"
#include "libos/fs/remote/open_file.hpp"
#include "libos/fs/remote/values.hpp"

namespace eremite::fs::fuse {

namespace {

// As device_of() in node.cpp.
uint32_t device_number_of(uint64_t device) {
    return (minor_of(device) & 0xff) | (major_of(device) & 0xfff) << 8 | (minor_of(device) & 0xfff00) << 12;
}

bool is_file(uint64_t number) { return number != 0 && number != FUSE_ROOT_ID; }

}  // namespace

Directory::Found::Found(FileSystem& file_system, Ref<NodeId> id, const fuse_entry_out& entry, FileType type, const Fetched& attributes)
    : remote::Node::Found{{entry.nodeid, entry.generation}, type}, file_system_{file_system}, id_{std::move(id)} {
    fetched = attributes;
}

Result<Ref<remote::Node>> Directory::Found::make() {
    switch (type) {
        case FileType::Regular: return Ref<remote::Node>{TRY(make_ref<RegularFile>(file_system_, identity, Ref<NodeId>{id_}))};
        case FileType::Directory: return Ref<remote::Node>{TRY(make_ref<Directory>(file_system_, identity, Ref<NodeId>{id_}))};
        case FileType::SymbolicLink: return Ref<remote::Node>{TRY(make_ref<SymbolicLink>(file_system_, identity, Ref<NodeId>{id_}))};
        default: return Ref<remote::Node>{TRY(make_ref<Node>(file_system_, type, identity, Ref<NodeId>{id_}))};
    }
}

void Directory::Found::settle(remote::Node& node, bool) {
    // SAFETY: all inodes of this file system are of this class.
    NodeId& known = static_cast<Node&>(node).id();
    if (&known != id_.get()) known.take_over(*id_);
}

Result<Ref<remote::Node>> Directory::accept(const fuse_entry_out& entry, Ref<NodeId> id, std::string_view name, uint64_t changes,
                                            std::optional<uint64_t> generation) {
    // The root is found by no name.
    if (!is_file(entry.nodeid)) return Error{EIO};
    id->set(entry.nodeid);
    const Fetched fetched = TRY(translate(entry.attr, entry.attr_valid, entry.attr_valid_nsec, file_system_));
    Found found{owner(), std::move(id), entry, *remote::type_of(fetched.attributes.mode), fetched};
    found.changes = changes;
    found.name_valid = validity(entry.entry_valid, entry.entry_valid_nsec);
    return adopt(name, found, generation);
}

Result<Ref<remote::Node>> Directory::find_by(const Request& request, std::string_view name, std::optional<uint64_t> generation) {
    Ref<NodeId> id = TRY(make_ref<NodeId>(client()));
    const uint64_t changes = file_system_.changes();
    const auto entry = TRY(client().call<fuse_entry_out>(request));
    // How servers tell for how long there will be no such name.
    if (entry.nodeid == 0 && request.opcode() == FUSE_LOOKUP) return Error{ENOENT};
    return accept(entry, std::move(id), name, changes, generation);
}

Result<Ref<remote::Node>> Directory::make_by(const Request& request, std::string_view name, FileType type) {
    auto made = find_by(request, name);
    changed();
    if (made.ok() && made.value()->type() != type) return Error{EIO};
    return made;
}

Result<Ref<Inode>> Directory::lookup(std::string_view name) {
    do {
        if (Ref<remote::Node> known = vouched_child(name)) return Ref<Inode>{std::move(known)};
    } while (look_ahead());
    constexpr int rounds = 8;
    for (int round = 1;; ++round) {
        const uint64_t generation = file_system_.generation();
        Ref<remote::Node> node = TRY(find_by({FUSE_LOOKUP, number(), name}, name, round < rounds ? std::optional{generation} : std::nullopt));
        if (!node) continue;
        if (vouched_child(name)) note_asked();
        return Ref<Inode>{std::move(node)};
    }
}

Result<Ref<File>> Directory::create_open(std::string_view name, uint32_t permissions, uint32_t flags) {
    struct Created {
        fuse_entry_out entry;
        fuse_open_out open;
    };
    const sched::MutexGuard guard{names_};
    fuse_create_in in{};
    const uint32_t with = remote::Node::handle_flags(file_system_, flags);
    in.flags = remote::OpenFile::server_flags(with) | O_CREAT | O_EXCL;
    in.mode = S_IFREG | permissions;
    Ref<NodeId> id = TRY(make_ref<NodeId>(client()));
    Ref<OpenHandle> handle = TRY(make_ref<OpenHandle>(client(), Ref<NodeId>{id}, in.flags, false));
    const uint64_t changes = file_system_.changes();
    const auto out = TRY(client().call<Created>({FUSE_CREATE, number(), in, name}));
    // The handle's own number must be right for the farewell, whatever becomes of the rest.
    if (is_file(out.entry.nodeid)) {
        id->set(out.entry.nodeid);
        handle->set(out.open.fh);
    }
    auto made = accept(out.entry, std::move(id), name, changes, {});
    changed();
    Ref<remote::Node> node = TRY(std::move(made));
    // Another thread may have looked the name up meanwhile.
    // SAFETY: all inodes of this file system are of this class.
    handle->set(Ref<NodeId>::share(&static_cast<Node&>(*node).id()));
    if (node->type() != FileType::Regular) return Error{EIO};
    return Ref<File>{TRY(make_ref<remote::OpenFile>(std::move(node), flags, std::move(handle), with))};
}

Result<Ref<Inode>> Directory::create(std::string_view name, const NewFile& file) {
    const auto type = remote::type_of((file.mode & S_IFMT) ? file.mode : file.mode | S_IFREG);
    if (!type || *type == FileType::Directory || *type == FileType::SymbolicLink) return Error{EINVAL};
    const sched::MutexGuard guard{names_};
    fuse_mknod_in in{};
    in.mode = mode_of(*type) | (file.mode & 07777);
    in.rdev = device_number_of(file.device_number);
    return Ref<Inode>{TRY(make_by({FUSE_MKNOD, number(), in, name}, name, *type))};
}

Result<Ref<Inode>> Directory::create_directory(std::string_view name, uint32_t permissions) {
    const sched::MutexGuard guard{names_};
    fuse_mkdir_in in{};
    in.mode = S_IFDIR | permissions;
    return Ref<Inode>{TRY(make_by({FUSE_MKDIR, number(), in, name}, name, FileType::Directory))};
}

Result<void> Directory::create_symbolic_link(std::string_view name, std::string_view target) {
    const sched::MutexGuard guard{names_};
    TRY(make_by({FUSE_SYMLINK, number(), name, target}, name, FileType::SymbolicLink));
    return {};
}

Result<void> Directory::link(std::string_view name, Inode& target_inode) {
    if (&target_inode.file_system() != &file_system_) return Error{EXDEV};
    if (target_inode.is_directory()) return Error{EPERM};
    auto& target = static_cast<Node&>(target_inode);
    const sched::MutexGuard guard{names_};
    const auto made = make_by({FUSE_LINK, number(), fuse_link_in{target.number()}, name}, name, target.type());
    target.changed();
    return made.ok() ? Result<void>{} : Result<void>{made.error()};
}

Result<void> Directory::remove_name(std::string_view name, fuse_opcode opcode) {
    const sched::MutexGuard guard{names_};
    Ref<remote::Node> victim;
    {
        const sync::Guard lock{file_system_.lock()};
        victim = child(name);
    }
    if (victim && victim->is_mount_point()) return Error{EBUSY};
    const auto removed = client().call({opcode, number(), name});
    if (!removed.ok()) doubt_name_of(victim);
    TRY(removed);
    changed();
    // A look-up may have found it meanwhile, or may be about to tell what was true before.
    Ref<remote::Node> late;
    if (!victim) {
        const sync::Guard lock{file_system_.lock()};
        file_system_.names_changed();
        late = child(name);
    }
    doubt_name_of(late);
    if (!victim) return {};
    const sync::Guard lock{file_system_.lock()};
    lose_name_of(*victim);
    return {};
}

Result<void> Directory::rename(std::string_view name, Inode& to_inode, std::string_view new_name, RenameMode mode) {
    if (&to_inode.file_system() != &file_system_) return Error{EXDEV};
    if (!to_inode.is_directory()) return Error{ENOTDIR};
    auto& to = static_cast<Directory&>(to_inode);
    String text = TRY(String::copy(new_name)), old_text = TRY(String::copy(name));
    const remote::BothGuard guard{names_, to.names_};
    Ref<remote::Node> moved, target;
    {
        const sync::Guard lock{file_system_.lock()};
        moved = child(name);
        target = to.child(new_name);
    }
    if ((moved && moved->is_mount_point()) || (target && target->is_mount_point())) return Error{EBUSY};
    if (target == moved) target = nullptr;
    fuse_rename2_in in{};
    in.newdir = to.number();
    in.flags = mode == RenameMode::Exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    const auto done = mode == RenameMode::Replace ? client().call({FUSE_RENAME, number(), fuse_rename_in{to.number()}, name, new_name})
                                                  : client().call({FUSE_RENAME2, number(), in, name, new_name});
    if (!done.ok()) {
        doubt_name_of(moved);
        doubt_name_of(target);
        return Error{done.code() == ENOSYS ? EINVAL : done.code()};
    }
    changed();
    to.changed();
    if (moved) moved->changed();
    if (target) target->changed();
    // What is let go is destroyed behind the lock.
    Ref<remote::Node> old_parent, old_target_parent;
    const sync::Guard lock{file_system_.lock()};
    file_system_.names_changed();
    if (target && mode != RenameMode::Exchange) lose_name_of(*target);
    if (moved) old_parent = to.place_moved(*moved, text);
    if (target && mode == RenameMode::Exchange) old_target_parent = place_moved(*target, old_text);
    return {};
}

Result<remote::Node::Entry> Directory::next_entry(std::span<const uint8_t>& data) {
    const DirectoryEntry entry = TRY(fuse::next_entry(data));
    return Entry{entry.name, entry.inode, remote::type_of(DTTOIF(entry.type)).value_or(FileType::Anonymous), entry.next};
}

}  // namespace eremite::fs::fuse

#include "libos/fs/ext4/directory.hpp"

#include <memory>

#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/ext4/regular_file.hpp"
#include "libos/fs/file.hpp"
#include "libos/fs/mount.hpp"
#include "libos/random/random.hpp"

namespace eremite::fs::ext4 {

namespace {

constexpr uint32_t most_links = 65000;

FileType file_type(uint8_t entry_type) {
    constexpr FileType types[] = {FileType::Anonymous,   FileType::Regular, FileType::Directory, FileType::CharacterDevice,
                                  FileType::BlockDevice, FileType::Fifo,    FileType::Socket,    FileType::SymbolicLink};
    return entry_type < std::size(types) ? types[entry_type] : FileType::Anonymous;
}

}  // namespace

bool Directory::is_below(const Node& ancestor) const {
    const sync::Guard guard{owner_.lock()};
    const Node* node = this;
    while (node && node != &ancestor) node = node->parent_directory().get();
    return node != nullptr;
}

void Directory::give_place(Node& node, String& name) {
    Ref<Node> released;
    const sync::Guard guard{owner_.lock()};
    owner_.names().remove(node);
    released = node.place(Ref<Node>::share(this), name);
    owner_.names().insert(node);
}

Result<Ref<Node>> Directory::find(std::string_view name) {
    const DirectoryIndex::Found found = TRY(index_.find(map(), name));
    Ref<Node> node = TRY(owner_.node(found.inode));
    {
        const sync::Guard guard{owner_.lock()};
        if (node->is_named() && node->is_placed(*this, name)) return node;
    }
    // A directory that contains itself, or is in two places, would lead paths round in circles.
    if (node->is_directory()) {
        if (is_below(*node)) return Error{EUCLEAN};
        const sync::Guard guard{owner_.lock()};
        if (node->parent_directory() && node->parent_directory().get() != this) return Error{EUCLEAN};
    }
    String text = TRY(String::copy(name));
    give_place(*node, text);
    return node;
}

Result<Ref<Inode>> Directory::lookup(std::string_view name) {
    Ref<Node> found;
    {
        const sched::MutexGuard guard{volume().mutex()};
        auto looked_up = find(name);
        if (looked_up.code() == ENOENT) {
            const sync::Guard names{owner_.lock()};
            owner_.absent_names().insert(static_cast<const Node*>(this), name, hash_name(name));
        }
        found = TRY(std::move(looked_up));
        owner_.keep_recent(*this);
        owner_.keep_recent(*found);
        volume().trim();
    }
    return Ref<Inode>{std::move(found)};
}

Inode::Descent Directory::descend(std::string_view& path) {
    Ref<Node> found;
    bool absent = false;
    const sync::Guard guard{owner_.lock()};
    Node* directory = this;
    std::string_view rest = path;
    for (;;) {
        const auto [length, hash] = first_component(rest);
        Node* const node = owner_.names().find(*directory, rest.substr(0, length), hash);
        if (!node) {
            absent = length == rest.size() && owner_.absent_names().has(directory, rest, hash);
            break;
        }
        node->note_use();
        if (length == rest.size()) {
            if (!node->is_mount_point() && node->type() != FileType::SymbolicLink) found = Ref<Node>::share_if_alive(node);
            break;
        }
        const size_t next = rest.find_first_not_of('/', length);
        if (next == rest.npos || !node->is_directory()) break;
        directory = node;
        rest.remove_prefix(next);
        if (node->is_mount_point()) break;
    }
    const bool complete = found || absent;
    Ref<Node> last = directory != this || complete ? Ref<Node>::share_if_alive(directory) : nullptr;
    if (!last) return {};
    path = rest;
    return {std::move(last), std::move(found), complete};
}

Result<void> Directory::check_free(std::string_view name) {
    if (links() == 0) return Error{ENOENT};
    const auto found = index_.find(map(), name);
    if (found.ok()) return Error{EEXIST};
    if (found.code() != ENOENT) return found.error();
    return {};
}

Result<Ref<Node>> Directory::make(uint32_t mode, uint64_t device_number) {
    const ext2_ino_t number = TRY(volume().allocate_inode(this->number(), mode));
    ext2_inode_large whole{};
    // SAFETY: the first part of it; an inode is numbers all through.
    auto& inode = reinterpret_cast<ext2_inode&>(whole);
    inode.i_mode = static_cast<uint16_t>(mode);
    inode.i_links_count = 1;
    random::fill({reinterpret_cast<uint8_t*>(&inode.i_generation), sizeof inode.i_generation});
    if ((this->inode().i_mode & LINUX_S_ISGID) != 0) {
        inode.i_gid = this->inode().i_gid;
        inode.osd2.linux2.l_i_gid_high = this->inode().osd2.linux2.l_i_gid_high;
        if (LINUX_S_ISDIR(mode)) inode.i_mode |= LINUX_S_ISGID;
    }
    if (LINUX_S_ISCHR(mode) || LINUX_S_ISBLK(mode)) {
        inode.i_block[1] = static_cast<uint32_t>(device_number);
    } else if ((LINUX_S_ISREG(mode) || LINUX_S_ISDIR(mode) || LINUX_S_ISLNK(mode)) && ext2fs_has_feature_extents(&volume().super())) {
        ext2_extent_handle_t empty = nullptr;
        TRY(checked(ext2fs_extent_open2(volume().library(), number, &inode, &empty)));
        ext2fs_extent_free(empty);
    }
    if (EXT2_INODE_SIZE(&volume().super()) > EXT2_GOOD_OLD_INODE_SIZE)
        whole.i_extra_isize = std::min<uint16_t>(sizeof whole, EXT2_INODE_SIZE(&volume().super())) - EXT2_GOOD_OLD_INODE_SIZE;
    TRY(volume().write_inode(number, inode_bytes(whole), true));
    Ref<Node> node = TRY(owner_.node(number));
    node->change();
    node->touch(Access | Modification | Change | Birth);
    node->data_changed();
    TRY(node->store());
    return node;
}

Result<void> Directory::count_directory(int change) {
    // The figure 1 stands for more than there is room for.
    if (links() == 1) return {};
    const uint32_t count = links() + static_cast<uint32_t>(change);
    if (count < most_links) {
        set_links(count);
        return {};
    }
    if (!ext2fs_has_feature_dir_nlink(&volume().super())) return Error{EMLINK};
    set_links(1);
    return {};
}

Result<void> Directory::add_name(std::string_view name, Node& node) {
    {
        const sync::Guard guard{owner_.lock()};
        owner_.absent_names().forget(name);
    }
    return index_.add(map(), name, node.number(), node.entry_type());
}

Result<void> Directory::enter(std::string_view name, Node& node) {
    change();
    TRY(add_name(name, node));
    touch(Modification | Change);
    return store();
}

Result<Ref<Node>> Directory::create_node(std::string_view name, uint32_t mode, uint64_t device_number, std::string_view target) {
    String text = TRY(String::copy(name));
    Operation operation{volume()};
    TRY(operation.begin());
    TRY(check_free(name));
    change();
    Ref<Node> node = TRY(make(mode, device_number));
    if (node->is_directory()) {
        auto& made = static_cast<Directory&>(*node);
        TRY(made.index_.create(made.map(), number()));
        made.set_links(2);
        TRY(made.store());
        TRY(count_directory(1));
    } else if (node->type() == FileType::SymbolicLink) {
        TRY(static_cast<SymbolicLink&>(*node).write_target(target));
        TRY(node->store());
    }
    TRY(enter(name, *node));
    TRY(operation.keep());
    give_place(*node, text);
    owner_.keep_recent(*this);
    owner_.keep_recent(*node);
    return node;
}

Result<Ref<Inode>> Directory::create(std::string_view name, const NewFile& file) {
    const uint32_t mode = (file.mode & S_IFMT) == 0 ? file.mode | S_IFREG : file.mode;
    if (S_ISDIR(mode) || S_ISLNK(mode)) return Error{EINVAL};
    return Ref<Inode>{TRY(create_node(name, mode, file.device_number, {}))};
}

Result<Ref<Inode>> Directory::create_directory(std::string_view name, uint32_t permissions) {
    return Ref<Inode>{TRY(create_node(name, S_IFDIR | (permissions & 07777), 0, {}))};
}

Result<void> Directory::create_symbolic_link(std::string_view name, std::string_view target) {
    TRY(create_node(name, S_IFLNK | 0777, 0, target));
    return {};
}

Result<Ref<Inode>> Directory::create_unnamed(uint32_t permissions, bool linkable) {
    Operation operation{volume()};
    TRY(operation.begin());
    TRY(owner_.expect_orphan());
    change();
    Ref<Node> node = TRY(make(S_IFREG | (permissions & 07777), 0));
    node->set_links(0);
    TRY(node->store());
    TRY(operation.keep());
    static_cast<RegularFile&>(*node).set_linkable(linkable);
    owner_.add_orphan(node->number());
    const sync::Guard guard{owner_.lock()};
    node->lose_name();
    return Ref<Inode>{std::move(node)};
}

Result<void> Directory::link(std::string_view name, Inode& target) {
    if (&target.file_system() != &owner_) return Error{EXDEV};
    if (target.is_directory()) return Error{EPERM};
    auto& node = static_cast<Node&>(target);
    String text = TRY(String::copy(name));
    Operation operation{volume()};
    TRY(operation.begin());
    TRY(check_free(name));
    const bool nameless = node.links() == 0;
    if (nameless && !(node.type() == FileType::Regular && static_cast<RegularFile&>(node).linkable())) return Error{ENOENT};
    if (node.links() >= most_links) return Error{EMLINK};
    node.change();
    if (nameless) node.inode().i_dtime = 0;
    node.set_links(node.links() + 1);
    node.touch(Change);
    TRY(node.store());
    TRY(enter(name, node));
    // Last, since the lists in memory do not follow an operation that fails.
    if (nameless) TRY(owner_.adopt_orphan(node.number()));
    TRY(operation.keep());
    if (nameless) static_cast<RegularFile&>(node).set_linkable(false);
    give_place(node, text);
    return {};
}

Result<void> Directory::drop_link(Node& node) {
    node.change();
    if (node.is_directory()) {
        TRY(count_directory(-1));
        node.set_links(0);
    } else {
        if (node.links() == 0) return Error{EUCLEAN};
        node.set_links(node.links() - 1);
    }
    node.touch(Change);
    return node.store();
}

Result<Ref<Node>> Directory::remove_name(std::string_view name, bool directory) {
    Ref<Node> node;
    Operation operation{volume()};
    TRY(operation.begin());
    TRY(owner_.expect_orphan());
    node = TRY(find(name));
    if (node->is_directory() != directory) return Error{directory ? ENOTDIR : EISDIR};
    if (node->is_mount_point()) return Error{EBUSY};
    if (directory) {
        auto& victim = static_cast<Directory&>(*node);
        TRY(victim.index_.load(victim.map()));
        if (victim.index_.count() != 0) return Error{ENOTEMPTY};
    }
    change();
    TRY(index_.remove(map(), name));
    TRY(drop_link(*node));
    touch(Modification | Change);
    TRY(store());
    TRY(operation.keep());
    if (node->links() == 0) {
        owner_.add_orphan(node->number());
        owner_.forget_recent(*node);
    }
    const sync::Guard guard{owner_.lock()};
    owner_.names().remove(*node);
    if (node->links() == 0) node->lose_name();
    return node;
}

Result<void> Directory::unlink(std::string_view name) {
    TRY(remove_name(name, false))->lost_name();
    owner_.reap_soon();
    return {};
}

Result<void> Directory::remove_directory(std::string_view name) {
    TRY(remove_name(name, true));
    owner_.reap_soon();
    return {};
}

// Entries are handed over without the lock, since the program's memory may have to be waited for.
Result<void> Directory::list(uint64_t& cursor, DirectorySink& sink) {
    accessed();
    const uint32_t size = volume().block_size();
    const std::unique_ptr<uint8_t[]> bytes{new (std::nothrow) uint8_t[size]};
    if (!bytes) return Error{ENOMEM};
    for (;;) {
        const uint64_t index = cursor / size;
        {
            const sched::MutexGuard guard{volume().mutex()};
            if (links() == 0) return {};
            TRY(index_.load(map()));
            if (index >= index_.block_count()) return {};
            if (index_.is_hole(index)) {
                cursor = (index + 1) * size;
                continue;
            }
            TRY(index_.copy(map(), index, bytes.get()));
            owner_.keep_recent(*this);
            volume().trim();
        }
        for (size_t at = 0, offset = 0;; offset = at) {
            const DirectoryEntry* const entry = next_entry(bytes.get(), size, at);
            if (!entry) break;
            const uint64_t position = index * size + offset, next = index * size + at;
            if (entry->inode == 0 || position < cursor) continue;
            uint64_t number = entry->inode;
            if (entry->text() == "..") {
                const Ref<Inode> point = covered_by(*this);
                if (const Ref<Inode> up = point ? point->parent() : nullptr) number = TRY(up->attributes()).inode;
            }
            if (!sink.add(entry->text(), number, file_type(entry->type), next)) return {};
            cursor = next;
        }
        cursor = (index + 1) * size;
    }
}

}  // namespace eremite::fs::ext4

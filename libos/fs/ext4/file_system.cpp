#include "libos/fs/ext4/file_system.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "libos/fs/ext4/directory.hpp"
#include "libos/fs/ext4/errors.hpp"
#include "libos/fs/ext4/regular_file.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ext4 {

namespace {

std::optional<FileType> type_of(uint32_t mode) {
    switch (mode & LINUX_S_IFMT) {
        case LINUX_S_IFREG: return FileType::Regular;
        case LINUX_S_IFDIR: return FileType::Directory;
        case LINUX_S_IFLNK: return FileType::SymbolicLink;
        case LINUX_S_IFCHR: return FileType::CharacterDevice;
        case LINUX_S_IFBLK: return FileType::BlockDevice;
        case LINUX_S_IFIFO: return FileType::Fifo;
        case LINUX_S_IFSOCK: return FileType::Socket;
        default: return std::nullopt;
    }
}

Result<Ref<Node>> make_node(FileSystem& owner, ext2_ino_t number, FileType type) {
    switch (type) {
        case FileType::Regular: return Ref<Node>{TRY(make_ref<RegularFile>(owner, number))};
        case FileType::Directory: return Ref<Node>{TRY(make_ref<Directory>(owner, number))};
        case FileType::SymbolicLink: return Ref<Node>{TRY(make_ref<SymbolicLink>(owner, number))};
        default: return Ref<Node>{TRY(make_ref<SpecialFile>(owner, number, type))};
    }
}

}  // namespace

ext2_ino_t FileSystem::NumberTraits::key(const Node& node) { return node.number(); }

FileSystem::FileSystem(block::Device& device) : fs::FileSystem{new_device_number()}, volume_{device} { volume_.listen(*this); }

FileSystem::~FileSystem() = default;

Result<Ref<Inode>> FileSystem::start(bool read_only) {
    const sched::MutexGuard guard{volume_.mutex()};
    // Inodes take about a kilobyte beside their pages: up to an eighth of the memory, for each volume.
    constexpr uint64_t fewest = 64, most = 262144, pages_per_inode = 2;
    TRY(names_.prepare(std::clamp(mm::page_allocator().total_pages() / pages_per_inode, fewest, most)));
    TRY(volume_.mount(read_only));
    set_read_only(volume_.read_only());
    if (!volume_.read_only()) TRY(recover_orphans());
    Ref<Node> root = TRY(node(EXT2_ROOT_INO));
    if (!root->is_directory()) return Error{EUCLEAN};
    return Ref<Inode>{std::move(root)};
}

bool FileSystem::expect_room(uint64_t bytes) {
    if (volume_.has_room(bytes)) [[likely]] {
        expect_unplaced();
        return true;
    }
    // Errors are kept for those who ask for them (fsync(2)).
    if (unplaced_.exchange(false)) (void)write_back_all(*this);
    return false;
}

Result<void> FileSystem::stop() {
    const auto written = write_back_all(*this);
    const sched::MutexGuard guard{volume_.mutex()};
    drop_recent();
    if (volume_.read_only()) return {};
    {
        const sync::Guard guard{lock_};
        for (Orphan& orphan : orphans_) orphan.dead = true;
    }
    TRY(reap());
    TRY(volume_.unmount());
    return written.ok() ? Result<void>{} : Result<void>{written.error()};
}

Result<FileSystemStatus> FileSystem::status() {
    const sched::MutexGuard guard{volume_.mutex()};
    if (!volume_.read_only()) TRY(reap());
    ext2_super_block& super = volume_.super();
    const uint64_t reserved = ext2fs_r_blocks_count(&super), free = volume_.free_blocks();
    uint64_t identifier;
    std::memcpy(&identifier, super.s_uuid, sizeof identifier);
    return FileSystemStatus{.magic = EXT2_SUPER_MAGIC,
                            .block_size = volume_.block_size(),
                            .blocks = ext2fs_blocks_count(&super) - super.s_first_data_block,
                            .free_blocks = free > reserved ? free - reserved : 0,
                            .files = super.s_inodes_count,
                            .free_files = super.s_free_inodes_count,
                            .name_maximum = EXT2_NAME_LEN,
                            .identifier = identifier};
}

Result<void> FileSystem::synchronize() {
    const auto written = write_back_all(*this);
    const sched::MutexGuard guard{volume_.mutex()};
    if (!volume_.read_only()) TRY(reap());
    TRY(volume_.commit());
    return written.ok() ? Result<void>{} : Result<void>{written.error()};
}

void FileSystem::unmounted() {
    (void)synchronize();
    const sched::MutexGuard guard{volume_.mutex()};
    drop_recent();
}

Result<Ref<Node>> FileSystem::node_if_known(ext2_ino_t number) {
    const sync::Guard guard{lock_};
    Node* const found = nodes_.lower_bound(number);
    if (!found || found->number() != number) return Ref<Node>{};
    return Ref<Node>::share_if_alive(found);
}

Result<Ref<Node>> FileSystem::node(ext2_ino_t number) {
    if (Ref<Node> known = TRY(node_if_known(number))) return known;
    const bool special = number < EXT2_FIRST_INODE(&volume_.super()) && number != EXT2_ROOT_INO;
    if (special || number == 0 || number > volume_.super().s_inodes_count) return Error{EUCLEAN};
    ext2_inode inode;
    TRY(volume_.read_inode(number, inode_bytes(inode), false));
    const auto type = type_of(inode.i_mode);
    if (!type || inode.i_links_count == 0 || (inode.i_flags & EXT4_INLINE_DATA_FL) != 0) return Error{EUCLEAN};
    Ref<Node> made = TRY(make_node(*this, number, *type));
    TRY(made->appear());
    const sync::Guard guard{lock_};
    // One of this number may be on its way out.
    if (Node* const old = nodes_.lower_bound(number); old && old->number() == number) nodes_.remove(*old);
    nodes_.insert(*made);
    return made;
}

void FileSystem::forget(Node& node) {
    if (static_cast<TreeNode<ByNumber>&>(node).linked()) nodes_.remove(node);
    names_.remove(node);
    if (node.is_directory()) absent_.forget_directory(&node);
    if (node.inode().i_links_count != 0) return;
    if (Orphan* const orphan = find_orphan(node.number())) orphan->dead = true;
}

void FileSystem::keep_recent(Node& node) {
    Ref<Node> released;
    const sync::Guard guard{lock_};
    released = names_.keep(node);
}

void FileSystem::drop_recent() {
    for (bool more = true; more;) {
        Ref<Node> released;
        const sync::Guard guard{lock_};
        released = names_.give_up();
        more = static_cast<bool>(released);
    }
}

void FileSystem::forget_recent(Node& node) {
    const sync::Guard guard{lock_};
    names_.drop(node);
}

}  // namespace eremite::fs::ext4

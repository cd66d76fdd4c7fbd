#include "vmm/fs/inodes.hpp"

#include <fcntl.h>
#include <linux/fuse.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "vmm/error.hpp"

namespace eremite::vmm::fs {

Result<Attributes> attributes_of(int descriptor) {
    Attributes attributes{};
    if (::statx(descriptor, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID, &attributes) != 0)
        return Error{errno};
    return attributes;
}

Inodes::Inodes(UniqueFd root, size_t most) : most_{most}, last_number_{FUSE_ROOT_ID} {
    const auto attributes = attributes_of(root.get());
    if (!attributes.ok()) {
        errno = attributes.code();
        throw system_error("statx of a shared folder");
    }
    const Identity identity = identity_of(attributes.value());
    inodes_.emplace(FUSE_ROOT_ID, Entry{{FUSE_ROOT_ID, std::move(root), S_IFDIR, 1}, identity});
    numbers_.emplace(identity, FUSE_ROOT_ID);
}

size_t Inodes::Hash::operator()(const Identity& identity) const {
    constexpr uint64_t spread = 0x9e3779b97f4a7c15;
    return std::hash<uint64_t>{}((identity.inode * spread ^ identity.device) * spread ^ identity.mount);
}

Inodes::Identity Inodes::identity_of(const Attributes& attributes) {
    // Kernels before 5.8 tell no mount, which is 0 then.
    return {uint64_t{attributes.stx_dev_major} << 32 | attributes.stx_dev_minor, attributes.stx_ino, attributes.stx_mnt_id};
}

Result<Inode*> Inodes::find(uint64_t number) {
    const auto found = inodes_.find(number);
    if (found == inodes_.end()) return Error{EBADF};
    return &found->second.inode;
}

Result<Inodes::Known> Inodes::tell(UniqueFd descriptor) {
    const Attributes attributes = TRY(attributes_of(descriptor.get()));
    const Identity identity = identity_of(attributes);
    // As long as a descriptor has a file, no other one gets its identity.
    if (const auto known = numbers_.find(identity); known != numbers_.end()) {
        Inode& inode = inodes_.at(known->second).inode;
        ++inode.lookups;
        return Known{inode, attributes};
    }
    TRY(check_room());
    const uint64_t number = ++last_number_;
    const uint32_t type = attributes.stx_mode & S_IFMT;
    Entry& made = inodes_.emplace(number, Entry{{number, std::move(descriptor), type, 1}, identity}).first->second;
    numbers_.emplace(identity, number);
    return Known{made.inode, attributes};
}

void Inodes::forget(uint64_t number, uint64_t count) {
    const auto found = inodes_.find(number);
    if (found == inodes_.end() || number == FUSE_ROOT_ID) return;
    uint64_t& lookups = found->second.inode.lookups;
    lookups -= std::min(lookups, count);
    if (lookups != 0) return;
    numbers_.erase(found->second.identity);
    inodes_.erase(found);
}

void Inodes::forget_all() {
    std::erase_if(numbers_, [](const auto& entry) { return entry.second != FUSE_ROOT_ID; });
    std::erase_if(inodes_, [](const auto& entry) { return entry.first != FUSE_ROOT_ID; });
}

}  // namespace eremite::vmm::fs

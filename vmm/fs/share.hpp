#pragma once
// A folder of the host as one guest uses it: what the operations on it have in common. Whatever the guest says, files are reached from a folder
// that it knows, by one component of a name at a time, and a symbolic link is never followed: so nothing outside is reached.
#include <array>
#include <string>
#include <vector>

#include "vmm/fs/handles.hpp"
#include "vmm/fs/inodes.hpp"
#include "vmm/fs/message.hpp"
#include "vmm/fs/thread.hpp"

namespace eremite::vmm::fs {

// The name of a descriptor in /proc/self/fd. It leads to the very file, be it a symbolic link.
class DescriptorName {
public:
    explicit DescriptorName(int descriptor);
    [[nodiscard]] const char* text() const { return text_.data(); }

private:
    std::array<char, 12> text_{};
};

class Share {
public:
    // `descriptors`: how many the process can have open. Throws vmm::Error: the folder cannot be shared.
    Share(const std::string& folder, bool read_only, size_t descriptors);

    // Opens what has this name in a folder. Errors of openat2(2); ELOOP: a symbolic link, unless `flags` have O_PATH.
    [[nodiscard]] Result<UniqueFd> open_beneath(const Inode& folder, const char* name, int flags, mode_t mode = 0);
    // Opens the file of a descriptor anew. Requires: it is neither a symbolic link nor a device, or `flags` have O_PATH.
    [[nodiscard]] Result<UniqueFd> reopen(int descriptor, int flags);
    // Opens a file of the guest's. ELOOP: a symbolic link; ENXIO: a device, a FIFO or a socket, which the guest has its own of.
    [[nodiscard]] Result<UniqueFd> open(const Inode& inode, int flags);
    // Looks a name up in a folder, which counts as told.
    [[nodiscard]] Result<Inodes::Known> look_up(const Inode& folder, const char* name);
    // The guest's user, whom new files belong to; us if we are not root.
    [[nodiscard]] ActAs act_for(const Request& request) const;

    const bool read_only;
    // /proc/self/fd, which stays what it is wherever the process moves its root.
    const UniqueFd descriptors;
    // The root, opened.
    const UniqueFd folder;
    Inodes inodes;
    Handles handles;
    bool initialized = false;  // by FUSE_INIT
    // What a request's data are in; used again.
    std::vector<iovec> pieces;

private:
    const bool is_root_;
    const EntryOpener opener_;
};

// What replies tell of a file.
[[nodiscard]] fuse_attr attr_of(const Attributes& attributes);
[[nodiscard]] fuse_entry_out entry_of(const Inodes::Known& known);

// For so many seconds the guest may believe names and attributes, which others change here, too.
inline constexpr uint64_t valid_seconds = 1;

}  // namespace eremite::vmm::fs

#pragma once
// From path names to inodes (path_resolution(7)).
#include <cstdint>
#include <span>
#include <string_view>

#include "libos/fs/context.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs {

inline constexpr size_t name_maximum = 255;
inline constexpr size_t path_maximum = 4096;  // with the final zero
inline constexpr int link_maximum = 40;

// Where a path leads. `parent` and `name` say where the last component stands; `name` is empty when the path ends in
// "/", "." or ".." components (`last` tells which), and `parent` is null for "/". `name` points into the path or into `link`.
struct Location {
    enum class Last : uint8_t { Name, Root, Dot, DotDot };
    Ref<Inode> parent;
    Ref<Inode> inode;  // null: does not exist
    std::string_view name;
    Last last = Last::Root;
    bool trailing_slash = false;
    Ref<Inode> link;  // keeps `name` alive when it stands in a symbolic link
};

struct WalkFlags {
    bool follow_last : 1 = true;  // follow a symbolic link that is the last component
    bool no_links : 1 = false;    // openat2: RESOLVE_NO_SYMLINKS
    bool no_magic : 1 = false;    // RESOLVE_NO_MAGICLINKS
    bool no_mounts : 1 = false;   // RESOLVE_NO_XDEV
    bool beneath : 1 = false;     // RESOLVE_BENEATH: EXDEV when the path leaves the start
    bool in_root : 1 = false;     // RESOLVE_IN_ROOT: the start is the root
    bool want_parent : 1 = false; // the last component is wanted as a name: it is looked up but need not be usable
};

// Walks `path` from `start` (an absolute path: from the context's root). A last component that does not exist is no
// error: `inode` is null. ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, and what lookups report.
[[nodiscard]] Result<Location> walk(const Context& context, const Ref<Inode>& start, std::string_view path, WalkFlags flags = {});

// The existing file at the path. ENOENT and the errors of walk().
[[nodiscard]] Result<Ref<Inode>> find(const Context& context, const Ref<Inode>& start, std::string_view path, WalkFlags flags = {});

// `..` of a directory: steps out of mounts, stays at `root`.
[[nodiscard]] Ref<Inode> parent_directory(const Ref<Inode>& root, const Ref<Inode>& directory);

// Writes the absolute path of an inode, right-aligned as it is found, and returns it as a view into `buffer`.
// ENAMETOOLONG. Not zero-terminated; an unlinked inode gives the path it had (see Inode::unlinked()).
[[nodiscard]] Result<std::string_view> path_of(const Inode& inode, std::span<char> buffer);

}  // namespace eremite::fs

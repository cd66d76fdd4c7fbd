#pragma once
// The files that the guest knows by a number (FUSE calls it a node), each with a descriptor that names the file without opening it (O_PATH of
// open(2)). The guest has a file until it has forgotten it as often as it was told of it. A number is never used again, so it needs no generation.
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "vmm/fs/result.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::fs {

using Attributes = struct ::statx;

// What a descriptor's file is like. Errors are those of statx(2).
[[nodiscard]] Result<Attributes> attributes_of(int descriptor);

struct Inode {
    uint64_t number;
    UniqueFd descriptor;
    uint32_t type;  // S_IFMT
    uint64_t lookups;
};

class Inodes {
public:
    // `most`: how many there can be. Throws vmm::Error: nothing is known of the root.
    Inodes(UniqueFd root, size_t most);

    // EBADF: the guest knows no such file.
    [[nodiscard]] Result<Inode*> find(uint64_t number);
    struct Known {
        Inode& inode;
        Attributes attributes;
    };
    // The file of an O_PATH descriptor, which counts as told to the guest once more. ENFILE: there are too many; errors of statx(2).
    [[nodiscard]] Result<Known> tell(UniqueFd descriptor);
    // The guest gives up files that it was told of.
    void forget(uint64_t number, uint64_t count);
    // All but the root.
    void forget_all();
    // ENFILE: there is none for one more.
    [[nodiscard]] Result<void> check_room() const { return inodes_.size() < most_ ? Result<void>{} : Error{ENFILE}; }
    // The root is one.
    [[nodiscard]] size_t size() const { return inodes_.size(); }

private:
    // The same file may be seen by several mounts, which differ in what may be done with it.
    struct Identity {
        uint64_t device, inode, mount;
        bool operator==(const Identity&) const = default;
    };
    struct Hash {
        size_t operator()(const Identity& identity) const;
    };
    struct Entry {
        Inode inode;
        Identity identity;
    };
    [[nodiscard]] static Identity identity_of(const Attributes& attributes);

    const size_t most_;
    uint64_t last_number_;
    std::unordered_map<uint64_t, Entry> inodes_;
    std::unordered_map<Identity, uint64_t, Hash> numbers_;
};

}  // namespace eremite::vmm::fs

#pragma once
// The files that the guest knows by a number (FUSE calls it a node). The guest has a file until it has forgotten it as often as it was told of it. A
// number is never used again, so it needs no generation.
//
// A file has a descriptor that names it without opening it (O_PATH of open(2)). There are not enough of these for all files of a large tree: those
// that were not used for the longest time are closed, and opened anew when they are needed, by folder and name, if it is still the same file that is
// called so. A file that has no name any more, or another one, keeps its descriptor.
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "vmm/fs/entry_opener.hpp"

namespace eremite::vmm::fs {

using Attributes = struct ::statx;

// What a descriptor's file is like, or an entry of a folder. Errors are those of statx(2).
[[nodiscard]] Result<Attributes> attributes_of(int descriptor, const char* name = "");

struct Inode {
    uint64_t number;
    UniqueFd descriptor;
    uint32_t type;  // S_IFMT
    uint64_t lookups;
};

class Inodes {
public:
    // Where a file was found: in a folder that the guest knows.
    struct Place {
        uint64_t folder;
        std::string_view name;
    };

    // `most`: how many there can be; `most_open`: how many descriptors of them, unless more cannot be closed, and then twice as many. Throws
    // vmm::Error: nothing is known of the root.
    Inodes(UniqueFd root, size_t most, size_t most_open);

    // To be called before each request: what that finds, or is told, keeps its descriptor until the next one.
    void begin_request() { ++request_; }
    // EBADF: the guest knows no such file. ESTALE: the host has moved or removed it while it had no descriptor; or an error of openat2(2).
    [[nodiscard]] Result<Inode*> find(uint64_t number);
    struct Known {
        Inode& inode;
        Attributes attributes;
    };
    // The file of an O_PATH descriptor, which counts as told to the guest once more. ENFILE: there are too many; errors of statx(2).
    [[nodiscard]] Result<Known> tell(UniqueFd descriptor, std::optional<Place> place = {});
    // The name is going to be taken away from its file, or given to another one. An error: as of find(), and the name must stay.
    [[nodiscard]] Result<void> prepare_to_unname(Place place);
    // The file that is called so now has been moved there.
    void moved(Place place);
    // Closes descriptors, as far as that can be; the process has too few of them. False: none.
    bool close_some();
    // The guest gives up files that it was told of.
    void forget(uint64_t number, uint64_t count);
    // All but the root.
    void forget_all();
    // ENFILE: there is none for one more.
    [[nodiscard]] Result<void> check_room() const { return inodes_.size() < most_ ? Result<void>{} : Error{ENFILE}; }
    // The root is one.
    [[nodiscard]] size_t size() const { return inodes_.size(); }
    [[nodiscard]] size_t descriptors() const { return used_.size() + 1; }

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
        // Its folder is kept, also when the guest has forgotten that, as long as a file is to be found in it.
        uint64_t folder = 0;  // 0: no place is known
        std::string name;
        size_t members = 0;  // files whose folder it is
        uint64_t request = 0;  // that found it last
        std::list<Entry*>::iterator use;  // of used_, while it has a descriptor
    };
    [[nodiscard]] static Identity identity_of(const Attributes& attributes);
    [[nodiscard]] static size_t hash_of(uint64_t folder, std::string_view name);

    [[nodiscard]] bool is_same(const Entry& entry, const Attributes& attributes) const;
    [[nodiscard]] Result<UniqueFd> open_anew(const Entry& entry) const;
    [[nodiscard]] Result<void> restore(Entry& entry);
    void take_descriptor(Entry& entry, UniqueFd descriptor);
    void set_place(Entry& entry, const Place& place);
    void leave_place(Entry& entry);
    void erase_if_unneeded(Entry* entry);
    void make_room();
    [[nodiscard]] bool close(Entry& entry);

    const size_t most_, most_open_;
    const EntryOpener opener_;
    uint64_t last_number_, request_ = 1;
    std::unordered_map<uint64_t, Entry> inodes_;
    std::unordered_map<Identity, uint64_t, Hash> numbers_;
    // Those with a descriptor, the one that was used last in front; without the root.
    std::list<Entry*> used_;
    // Those without, by hashes of their places.
    std::unordered_multimap<size_t, Entry*> closed_;
};

}  // namespace eremite::vmm::fs

#include "vmm/fs/inodes.hpp"

#include <fcntl.h>
#include <linux/fuse.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <vector>

#include "vmm/error.hpp"

namespace eremite::vmm::fs {

namespace {

constexpr uint64_t spread = 0x9e3779b97f4a7c15;
// More folders one in the other than this are no path for anybody: each of them is opened to get to the last one.
constexpr size_t deepest = 4096;
// So many are looked at to find one whose descriptor can be closed; and so many are closed when the process has none left.
constexpr size_t most_tried = 64, some = 32;

}  // namespace

Result<Attributes> attributes_of(int descriptor, const char* name) {
    Attributes attributes{};
    if (::statx(descriptor, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID, &attributes) != 0)
        return Error{errno};
    return attributes;
}

Inodes::Inodes(UniqueFd root, size_t most, size_t most_open) : most_{most}, most_open_{most_open}, opener_{root.get()}, last_number_{FUSE_ROOT_ID} {
    const auto attributes = attributes_of(root.get());
    if (!attributes.ok()) {
        errno = attributes.code();
        throw system_error("statx of a shared folder");
    }
    const Identity identity = identity_of(attributes.value());
    Entry& entry = inodes_[FUSE_ROOT_ID];
    entry.inode = {FUSE_ROOT_ID, std::move(root), S_IFDIR, 1};
    entry.identity = identity;
    numbers_.emplace(identity, FUSE_ROOT_ID);
}

size_t Inodes::Hash::operator()(const Identity& identity) const {
    return std::hash<uint64_t>{}((identity.inode * spread ^ identity.device) * spread ^ identity.mount);
}

size_t Inodes::hash_of(uint64_t folder, std::string_view name) { return std::hash<std::string_view>{}(name) ^ folder * spread; }

Inodes::Identity Inodes::identity_of(const Attributes& attributes) {
    // Kernels before 5.8 tell no mount, which is 0 then.
    return {uint64_t{attributes.stx_dev_major} << 32 | attributes.stx_dev_minor, attributes.stx_ino, attributes.stx_mnt_id};
}

bool Inodes::is_same(const Entry& entry, const Attributes& attributes) const {
    return identity_of(attributes) == entry.identity && (attributes.stx_mode & S_IFMT) == entry.inode.type;
}

// From the nearest folder that is open, one name after the other.
Result<UniqueFd> Inodes::open_anew(const Entry& entry) const {
    std::vector<const Entry*> way;
    const Entry* from = &entry;
    while (!from->inode.descriptor) {
        if (from->folder == 0 || way.size() == deepest) return Error{ESTALE};
        way.push_back(from);
        from = &inodes_.at(from->folder);
    }
    UniqueFd opened;
    for (auto it = way.rbegin(); it != way.rend(); ++it) {
        auto next = opener_.open(opened ? opened.get() : from->inode.descriptor.get(), (*it)->name.c_str(), O_PATH);
        if (!next.ok()) return Error{next.code() == ENOENT || next.code() == ENOTDIR ? ESTALE : next.code()};
        opened = std::move(next).value();
        if (!is_same(**it, TRY(attributes_of(opened.get())))) return Error{ESTALE};
    }
    return opened;
}

Result<void> Inodes::restore(Entry& entry) {
    auto opened = open_anew(entry);
    const bool again = opened.code() == EMFILE && close_some();
    take_descriptor(entry, TRY(again ? open_anew(entry) : std::move(opened)));
    return {};
}

// What had none, or is new.
void Inodes::take_descriptor(Entry& entry, UniqueFd descriptor) {
    make_room();
    const auto [first, last] = closed_.equal_range(hash_of(entry.folder, entry.name));
    if (const auto found = std::find_if(first, last, [&entry](const auto& one) { return one.second == &entry; }); found != last) closed_.erase(found);
    entry.inode.descriptor = std::move(descriptor);
    entry.use = used_.insert(used_.begin(), &entry);
}

Result<Inode*> Inodes::find(uint64_t number) {
    const auto found = inodes_.find(number);
    if (found == inodes_.end() || found->second.inode.lookups == 0) return Error{EBADF};
    Entry& entry = found->second;
    entry.request = request_;
    if (number == FUSE_ROOT_ID) return &entry.inode;
    if (entry.inode.descriptor) used_.splice(used_.begin(), used_, entry.use);
    else TRY(restore(entry));
    return &entry.inode;
}

Result<Inodes::Known> Inodes::tell(UniqueFd descriptor, std::optional<Place> place) {
    const Attributes attributes = TRY(attributes_of(descriptor.get()));
    const Identity identity = identity_of(attributes);
    if (const auto known = numbers_.find(identity); known != numbers_.end()) {
        Entry& entry = inodes_.at(known->second);
        // As long as a descriptor has a file, no other one gets its identity; without one it may, and as long as it is no other kind of file it is as
        // if the old one had been written anew.
        if (entry.inode.descriptor || is_same(entry, attributes)) {
            if (!entry.inode.descriptor) take_descriptor(entry, std::move(descriptor));
            if (place && entry.inode.number != FUSE_ROOT_ID) set_place(entry, *place);
            entry.request = request_;
            ++entry.inode.lookups;
            return Known{entry.inode, attributes};
        }
        numbers_.erase(known);
    }
    TRY(check_room());
    if (descriptors() >= 2 * most_open_ && !close_some()) return Error{ENFILE};
    Entry& made = inodes_[++last_number_];
    made.inode = {last_number_, {}, attributes.stx_mode & uint32_t{S_IFMT}, 1};
    made.identity = identity;
    made.request = request_;
    take_descriptor(made, std::move(descriptor));
    if (place) set_place(made, *place);
    numbers_.emplace(identity, last_number_);
    return Known{made.inode, attributes};
}

// Requires: it has a descriptor.
void Inodes::set_place(Entry& entry, const Place& place) {
    if (entry.folder == place.folder && entry.name == place.name) return;
    const auto folder = inodes_.find(place.folder);
    if (folder == inodes_.end() || &folder->second == &entry) return leave_place(entry);
    // The way up has an end, whatever the host moved meanwhile: no folder is in itself.
    for (const Entry* above = &folder->second; entry.members != 0 && above; above = above->folder == 0 ? nullptr : &inodes_.at(above->folder))
        if (above == &entry) return leave_place(entry);
    ++folder->second.members;
    leave_place(entry);
    entry.folder = place.folder;
    entry.name = place.name;
}

void Inodes::leave_place(Entry& entry) {
    if (entry.folder == 0) return;
    Entry& folder = inodes_.at(entry.folder);
    entry.folder = 0;
    entry.name.clear();
    --folder.members;
    erase_if_unneeded(&folder);
}

void Inodes::erase_if_unneeded(Entry* entry) {
    while (entry && entry->inode.lookups == 0 && entry->members == 0) {
        Entry* const folder = entry->folder == 0 ? nullptr : &inodes_.at(entry->folder);
        if (folder) --folder->members;
        if (entry->inode.descriptor) {
            used_.erase(entry->use);
        } else {
            const auto [first, last] = closed_.equal_range(hash_of(entry->folder, entry->name));
            // One that a snapshot knew and nobody has found since has no place there.
            if (const auto found = std::find_if(first, last, [entry](const auto& one) { return one.second == entry; }); found != last) closed_.erase(found);
        }
        if (const auto number = numbers_.find(entry->identity); number != numbers_.end() && number->second == entry->inode.number) numbers_.erase(number);
        inodes_.erase(entry->inode.number);
        entry = folder;
    }
}

Result<void> Inodes::prepare_to_unname(Place place) {
    const auto [first, last] = closed_.equal_range(hash_of(place.folder, place.name));
    std::vector<Entry*> called_so;
    for (auto it = first; it != last; ++it)
        if (it->second->folder == place.folder && it->second->name == place.name) called_so.push_back(it->second);
    for (Entry* const entry : called_so) {
        entry->request = request_;
        // ESTALE: another file is called so.
        if (const auto restored = restore(*entry); !restored.ok() && restored.code() != ESTALE) return restored.error();
    }
    return {};
}

void Inodes::moved(Place place) {
    const auto folder = inodes_.find(place.folder);
    if (folder == inodes_.end() || !folder->second.inode.descriptor) return;
    const auto attributes = attributes_of(folder->second.inode.descriptor.get(), std::string{place.name}.c_str());
    if (!attributes.ok()) return;
    const auto known = numbers_.find(identity_of(attributes.value()));
    if (known == numbers_.end() || known->second == FUSE_ROOT_ID) return;
    if (Entry& entry = inodes_.at(known->second); entry.inode.descriptor) set_place(entry, place);
}

// If it can be found again.
bool Inodes::close(Entry& entry) {
    if (entry.folder == 0 || entry.request == request_) return false;
    const Entry& folder = inodes_.at(entry.folder);
    UniqueFd reopened;
    if (!folder.inode.descriptor) {
        auto opened = open_anew(folder);
        if (!opened.ok()) return false;
        reopened = std::move(opened).value();
    }
    const auto attributes = attributes_of(reopened ? reopened.get() : folder.inode.descriptor.get(), entry.name.c_str());
    if (!attributes.ok() || !is_same(entry, attributes.value())) {
        leave_place(entry);
        return false;
    }
    used_.erase(entry.use);
    entry.inode.descriptor.reset();
    closed_.emplace(hash_of(entry.folder, entry.name), &entry);
    return true;
}

// For one more descriptor.
void Inodes::make_room() {
    for (size_t tried = 0; descriptors() >= most_open_ && !used_.empty() && tried < most_tried; ++tried)
        // One that has to stay is not looked at again soon.
        if (Entry& oldest = *used_.back(); !close(oldest)) used_.splice(used_.begin(), used_, oldest.use);
}

bool Inodes::close_some() {
    size_t closed = 0;
    for (size_t tried = 0; closed < some && !used_.empty() && tried < most_tried; ++tried) {
        Entry& oldest = *used_.back();
        if (close(oldest)) ++closed;
        else used_.splice(used_.begin(), used_, oldest.use);
    }
    return closed != 0;
}

void Inodes::forget(uint64_t number, uint64_t count) {
    const auto found = inodes_.find(number);
    if (found == inodes_.end() || number == FUSE_ROOT_ID) return;
    uint64_t& lookups = found->second.inode.lookups;
    lookups -= std::min(lookups, count);
    erase_if_unneeded(&found->second);
}

void Inodes::forget_all() {
    used_.clear();
    closed_.clear();
    std::erase_if(numbers_, [](const auto& entry) { return entry.second != FUSE_ROOT_ID; });
    std::erase_if(inodes_, [](const auto& entry) { return entry.first != FUSE_ROOT_ID; });
    inodes_.at(FUSE_ROOT_ID).members = 0;
}

}  // namespace eremite::vmm::fs

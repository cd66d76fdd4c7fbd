#include "tree.hpp"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

namespace eremite::test {

std::string SparseBytes::read(uint64_t offset, uint64_t count) const {
    if (offset >= size_) return "";
    std::string bytes(std::min(count, size_ - offset), '\0');
    for (auto at = pieces_.lower_bound(offset / piece * piece); at != pieces_.end() && at->first < offset + bytes.size(); ++at) {
        const uint64_t from = std::max(offset, at->first), to = std::min(offset + bytes.size(), at->first + piece);
        bytes.replace(from - offset, to - from, at->second, from - at->first, to - from);
    }
    return bytes;
}

void SparseBytes::write(uint64_t offset, std::string_view bytes) {
    allocate(offset, bytes.size());
    for (size_t done = 0; done < bytes.size();) {
        const uint64_t at = offset + done;
        const size_t count = std::min<size_t>(bytes.size() - done, piece - at % piece);
        pieces_[at / piece * piece].replace(at % piece, count, bytes, done, count);
        done += count;
    }
    size_ = std::max(size_, offset + bytes.size());
}

void SparseBytes::resize(uint64_t size) {
    if (size < size_) clear(size, size_ - size);
    size_ = size;
    while (!pieces_.empty() && pieces_.rbegin()->first >= size) pieces_.erase(std::prev(pieces_.end()));
}

void SparseBytes::allocate(uint64_t offset, uint64_t length) {
    for (uint64_t at = offset / piece * piece; at < offset + length; at += piece) pieces_.try_emplace(at, piece, '\0');
}

void SparseBytes::clear(uint64_t offset, uint64_t length) {
    for (auto at = pieces_.lower_bound(offset / piece * piece); at != pieces_.end() && at->first < offset + length;) {
        const uint64_t from = std::max(offset, at->first), to = std::min(offset + length, at->first + piece);
        if (to - from == piece) {
            at = pieces_.erase(at);
        } else {
            at->second.replace(from - at->first, to - from, to - from, '\0');
            ++at;
        }
    }
}

uint64_t SparseBytes::next(uint64_t offset, bool hole) const {
    if (offset >= size_) throw Failure{ENXIO};
    for (uint64_t at = offset; at < size_; at = (at / piece + 1) * piece)
        if (pieces_.contains(at / piece * piece) != hole) return at;
    if (!hole) throw Failure{ENXIO};
    return size_;
}

bool TreeFile::is_directory() const { return S_ISDIR(mode); }

Tree::Tree() : root_{std::make_shared<TreeFile>(++last_number_, S_IFDIR | 0755)} {
    root_->links = 2;
    touch(*root_);
}

void Tree::touch(TreeFile& file) { file.modified = file.changed = now(); }

TreeFilePointer Tree::find(std::string_view path) const {
    TreeFilePointer file = root_;
    while (file && !path.empty()) {
        const size_t end = std::min(path.find('/'), path.size());
        const auto found = file->entries.find(std::string{path.substr(0, end)});
        file = found == file->entries.end() ? nullptr : found->second;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return file;
}

TreeFilePointer Tree::lookup(const TreeFile& directory, const std::string& name) {
    if (!directory.is_directory()) throw Failure{ENOTDIR};
    const auto found = directory.entries.find(name);
    if (found == directory.entries.end()) throw Failure{ENOENT};
    return found->second;
}

TreeFilePointer Tree::create(const TreeFilePointer& directory, const std::string& name, uint32_t mode) {
    if (!directory->is_directory()) throw Failure{ENOTDIR};
    if (directory->entries.contains(name)) throw Failure{EEXIST};
    if (directory->links == 0) throw Failure{ENOENT};
    const auto file = std::make_shared<TreeFile>(++last_number_, mode);
    if (directory->mode & S_ISGID) {
        file->gid = directory->gid;
        if (file->is_directory()) file->mode |= S_ISGID;
    }
    file->parent = directory;
    if (file->is_directory()) file->links = 2, ++directory->links;
    touch(*file);
    file->accessed = file->modified;
    directory->entries[name] = file;
    touch(*directory);
    return file;
}

void Tree::link(TreeFile& directory, const std::string& name, const TreeFilePointer& file) {
    if (file->is_directory()) throw Failure{EPERM};
    if (directory.entries.contains(name)) throw Failure{EEXIST};
    if (file->links == 0 || directory.links == 0) throw Failure{ENOENT};
    ++file->links;
    file->changed = now();
    directory.entries[name] = file;
    touch(directory);
}

void Tree::drop(TreeFile& directory, const std::string& name) {
    const TreeFilePointer file = lookup(directory, name);
    directory.entries.erase(name);
    if (file->is_directory()) file->links = 0, --directory.links;
    else --file->links;
    file->changed = now();
    touch(directory);
}

void Tree::unlink(TreeFile& directory, const std::string& name) {
    if (lookup(directory, name)->is_directory()) throw Failure{EISDIR};
    drop(directory, name);
}

void Tree::remove_directory(TreeFile& directory, const std::string& name) {
    const TreeFilePointer file = lookup(directory, name);
    if (!file->is_directory()) throw Failure{ENOTDIR};
    if (!file->entries.empty()) throw Failure{ENOTEMPTY};
    drop(directory, name);
}

void Tree::rename(const TreeFilePointer& from, const std::string& name, const TreeFilePointer& to, const std::string& new_name, uint32_t flags) {
    const TreeFilePointer file = lookup(*from, name);
    const auto found = to->entries.find(new_name);
    const TreeFilePointer target = found == to->entries.end() ? nullptr : found->second;
    if (to->links == 0) throw Failure{ENOENT};
    for (TreeFilePointer up = to; up; up = up->parent.lock())
        if (up == file) throw Failure{EINVAL};
    if ((flags & RENAME_NOREPLACE) && target) throw Failure{EEXIST};
    if ((flags & RENAME_EXCHANGE) && !target) throw Failure{ENOENT};
    for (TreeFilePointer up = from; up; up = up->parent.lock())
        if (up == target) throw Failure{(flags & RENAME_EXCHANGE) ? EINVAL : ENOTEMPTY};
    if (target == file) return;
    if (target && !(flags & RENAME_EXCHANGE)) {
        if (file->is_directory() && !target->is_directory()) throw Failure{ENOTDIR};
        if (!file->is_directory() && target->is_directory()) throw Failure{EISDIR};
        if (!target->entries.empty()) throw Failure{ENOTEMPTY};
        drop(*to, new_name);
    }
    const auto place = [](TreeFile& directory, const TreeFilePointer& as, const TreeFilePointer& moved, const std::string& under) {
        directory.entries[under] = moved;
        if (!moved->is_directory()) return;
        --moved->parent.lock()->links;
        ++directory.links;
        moved->parent = as;
    };
    from->entries.erase(name);
    place(*to, to, file, new_name);
    if (flags & RENAME_EXCHANGE) {
        place(*from, from, target, name);
        target->changed = now();
    }
    file->changed = now();
    touch(*from);
    touch(*to);
}

void Tree::resize(TreeFile& file, uint64_t size) {
    if (file.is_directory()) throw Failure{EISDIR};
    if (!S_ISREG(file.mode)) throw Failure{EINVAL};
    file.bytes.resize(size);
    touch(file);
}

void Tree::write(TreeFile& file, uint64_t offset, std::string_view bytes) {
    file.bytes.write(offset, bytes);
    touch(file);
}

void Tree::change_owner(TreeFile& file, const uint32_t* uid, const uint32_t* gid) {
    if (uid) file.uid = *uid;
    if (gid) file.gid = *gid;
    if (!file.is_directory()) {
        file.mode &= ~uint32_t{S_ISUID};
        if (file.mode & S_IXGRP) file.mode &= ~uint32_t{S_ISGID};
    }
    file.changed = now();
}

void Tree::allocate(TreeFile& file, uint32_t mode, uint64_t offset, uint64_t length) {
    if (!S_ISREG(file.mode)) throw Failure{ENODEV};
    constexpr uint64_t room = uint64_t{1} << 28;
    if (length > room) throw Failure{ENOSPC};
    const uint64_t end = offset + length;
    switch (mode) {
        case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE: file.bytes.clear(offset, length); break;
        case FALLOC_FL_KEEP_SIZE: file.bytes.allocate(offset, length); break;
        case 0:
            file.bytes.allocate(offset, length);
            if (end > file.bytes.size()) file.bytes.resize(end);
            break;
        default: throw Failure{EOPNOTSUPP};
    }
    touch(file);
}

void Tree::set_attribute(TreeFile& file, const std::string& name, const std::string& value, uint32_t flags) {
    const bool present = file.attributes.contains(name);
    if ((flags & XATTR_CREATE) && present) throw Failure{EEXIST};
    if ((flags & XATTR_REPLACE) && !present) throw Failure{ENODATA};
    file.attributes[name] = value;
    file.changed = now();
}

void Tree::remove_attribute(TreeFile& file, const std::string& name) {
    if (file.attributes.erase(name) == 0) throw Failure{ENODATA};
    file.changed = now();
}

}  // namespace eremite::test

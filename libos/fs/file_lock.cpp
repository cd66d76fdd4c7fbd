#include "libos/fs/file_lock.hpp"

#include <algorithm>

#include "base/restart.hpp"

namespace eremite::fs {

namespace {

bool same_owner(const FileLock& a, const FileLock& b) { return a.kind == b.kind && a.file == b.file && a.owner == b.owner; }

// Whether two ranges of one owner and type are one.
bool continues(const FileLock& a, const FileLock& b) {
    return a.exclusive == b.exclusive && (a.overlaps(b) || a.last + 1 == b.first || b.last + 1 == a.first);
}

}  // namespace

constinit Immortal<FileLocks> all_file_locks;

const FileLock* FileLocks::find_obstacle(const FileLock& lock) const {
    const FileLock* first = nullptr;
    for (const FileLock& other : locks_) {
        const bool conflicts = other.kind == lock.kind && other.file == lock.file && other.owner != lock.owner && other.overlaps(lock) &&
                               (other.exclusive || lock.exclusive);
        if (conflicts && (!first || other.first < first->first)) first = &other;
    }
    return first;
}

// Requires: room for one more lock, which is what is left of one that is cut in two.
void FileLocks::cut(FileLock& lock, bool merge) {
    for (size_t i = 0; i < locks_.size();) {
        FileLock& other = locks_[i];
        if (!same_owner(other, lock)) {
            ++i;
        } else if (merge && continues(other, lock)) {
            lock.first = std::min(lock.first, other.first);
            lock.last = std::max(lock.last, other.last);
            remove(i);
        } else if (!other.overlaps(lock)) {
            ++i;
        } else if (other.first < lock.first) {
            FileLock rest = other;
            rest.first = lock.last + 1;
            const bool in_two = other.last > lock.last;
            other.last = lock.first - 1;
            if (in_two) (void)locks_.push_back(rest);
            ++i;
        } else if (other.last > lock.last) {
            other.first = lock.last + 1;
            ++i;
        } else {
            remove(i);
        }
    }
}

Result<void> FileLocks::acquire(const FileLock& wanted, bool wait) {
    FileLock lock = wanted;
    const sync::Guard guard{lock_};
    if (lock.kind == FileLock::Kind::Whole) {
        cut(lock, false);
        changed();
    }
    while (find_obstacle(lock)) {
        if (!wait) return Error{EAGAIN};
        if (waiting_.wait(lock_) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    }
    if (!locks_.reserve(locks_.size() + 2).ok()) return Error{ENOLCK};
    cut(lock, true);
    (void)locks_.push_back(lock);
    changed();
    return {};
}

Result<void> FileLocks::release(const FileLock& released) {
    FileLock lock = released;
    const sync::Guard guard{lock_};
    if (!locks_.reserve(locks_.size() + 1).ok()) return Error{ENOLCK};
    cut(lock, false);
    changed();
    return {};
}

std::optional<FileLock> FileLocks::obstacle(const FileLock& lock) {
    const sync::Guard guard{lock_};
    const FileLock* const found = find_obstacle(lock);
    if (!found) return std::nullopt;
    return *found;
}

std::optional<FileLock> FileLocks::own(const FileLock& lock) {
    const sync::Guard guard{lock_};
    const auto found = std::find_if(locks_.begin(), locks_.end(), [&](const FileLock& l) { return same_owner(l, lock) && l.overlaps(lock); });
    if (found == locks_.end()) return std::nullopt;
    return *found;
}

void FileLocks::release_all(const void* file, const void* owner) {
    const sync::Guard guard{lock_};
    for (size_t i = 0; i < locks_.size();) {
        if (locks_[i].owner == owner && (!file || locks_[i].file == file)) remove(i);
        else ++i;
    }
    changed();
}

}  // namespace eremite::fs

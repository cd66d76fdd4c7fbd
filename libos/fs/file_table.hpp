#pragma once
// The file descriptors of the program: small numbers for open file descriptions. A new descriptor gets the lowest free
// number (POSIX), found through a bitmap.
#include <cstdint>

#include "base/ref.hpp"
#include "base/vector.hpp"
#include "libos/fs/file.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs {

class FileTable {
public:
    // RLIMIT_NOFILE: at start, and at most.
    static constexpr uint32_t default_limit = 1024;
    static constexpr uint32_t maximum_limit = 65536;

    // EBADF. Inline, since nearly every call on files starts here.
    [[nodiscard]] Result<Ref<File>> get(int descriptor) {
        const sync::Guard guard{lock_};
        const Slot* slot = find(descriptor);
        if (!slot) [[unlikely]] return Error{EBADF};
        return Ref<File>::share(slot->file.get());
    }
    // Whether the descriptor is one of this description.
    [[nodiscard]] bool leads_to(int descriptor, const File& file) {
        const sync::Guard guard{lock_};
        const Slot* const slot = find(descriptor);
        return slot && slot->file.get() == &file;
    }
    // EMFILE, ENOMEM; EINVAL when `from` is not below the limit. The lowest free number that is at least `from`.
    [[nodiscard]] Result<int> add(Ref<File> file, bool close_on_exec, int from = 0);
    // dup2: gives `file` the number `descriptor`, whatever that was before. EBADF when it is out of range.
    [[nodiscard]] Result<void> replace(int descriptor, Ref<File> file, bool close_on_exec);
    // EBADF, and what File::flush() says; the descriptor is free then all the same. The description ends when the last
    // reference to it does.
    [[nodiscard]] Result<void> close(int descriptor);
    // Closes all open descriptors in [first, last].
    void close_range(uint32_t first, uint32_t last);
    void set_close_on_exec_range(uint32_t first, uint32_t last);
    [[nodiscard]] Result<bool> close_on_exec(int descriptor);
    [[nodiscard]] Result<void> set_close_on_exec(int descriptor, bool on);
    // The lowest open descriptor that is at least `from`; -1 when there is none.
    [[nodiscard]] int next_open(int from);
    // Whether a file is open of which this is true, called with its inode.
    template <typename Predicate>
    [[nodiscard]] bool any_inode(Predicate&& predicate) {
        for (int d = next_open(0); d >= 0; d = next_open(d + 1)) {
            const auto file = get(d);
            if (file.ok() && file.value()->inode() && predicate(*file.value()->inode())) return true;
        }
        return false;
    }

    [[nodiscard]] uint32_t limit() const { return limit_; }
    // EPERM above maximum_limit. Open descriptors beyond a lowered limit stay.
    [[nodiscard]] Result<void> set_limit(uint32_t limit);

private:
    struct Slot {
        Ref<File> file;
        bool close_on_exec = false;
    };
    [[nodiscard]] Slot* find(int descriptor) {
        const auto index = static_cast<uint32_t>(descriptor);
        if (index >= slots_.size() || !slots_[index].file) return nullptr;
        return &slots_[index];
    }
    [[nodiscard]] uint32_t lowest_free(uint32_t from) const;
    Result<void> grow(uint32_t size);
    void mark(uint32_t index, bool used);

    sync::Spinlock lock_{sync::Rank::FileTable};
    Vector<Slot> slots_;
    Vector<uint64_t> used_;  // a bit per slot
    uint32_t limit_ = default_limit;
};

}  // namespace eremite::fs

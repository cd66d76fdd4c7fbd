#include "libos/syscall/file_directory.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "libos/fs/notify/watch.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

enum class Layout : uint8_t { Old, New };

// Before the name: inode number, offset of the next entry, record length and, in the new layout, the type (getdents(2)).
constexpr size_t old_name_offset = 18;
constexpr size_t new_name_offset = 19;

// Packs entries as getdents has them into a piece of kernel memory: directories list under a lock, where the program's
// memory must not be touched.
class EntryPacker final : public fs::DirectorySink {
public:
    EntryPacker(std::span<uint8_t> buffer, Layout layout) : buffer_{buffer}, layout_{layout} {}

    bool add(std::string_view name, uint64_t inode, fs::FileType type, uint64_t next) override {
        const size_t name_offset = layout_ == Layout::New ? new_name_offset : old_name_offset;
        // Behind the name stand its zero and, in the old layout, the type in the record's last byte.
        const size_t length = align_up(name_offset + name.size() + (layout_ == Layout::New ? 1 : 2), 8);
        if (length > buffer_.size() - used_) {
            full_ = true;
            return false;
        }
        uint8_t* const record = buffer_.data() + used_;
        const auto record_length = static_cast<uint16_t>(length);
        const uint8_t entry_type = fs::directory_entry_type(type);
        std::memset(record + length - 8, 0, 8);
        std::memcpy(record, &inode, sizeof inode);
        std::memcpy(record + 8, &next, sizeof next);
        std::memcpy(record + 16, &record_length, sizeof record_length);
        if (layout_ == Layout::New) record[18] = entry_type;
        else record[length - 1] = entry_type;
        std::memcpy(record + name_offset, name.data(), name.size());
        used_ += length;
        return true;
    }
    [[nodiscard]] size_t used() const { return used_; }
    // Whether an entry did not fit.
    [[nodiscard]] bool full() const { return full_; }

private:
    std::span<uint8_t> buffer_;
    Layout layout_;
    size_t used_ = 0;
    bool full_ = false;
};

Result<long> get_entries(int descriptor, VirtualAddress buffer, size_t size, Layout layout) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!in_user_space(buffer, size)) return Error{EFAULT};
    const fs::Inode* inode = file->inode();
    if (!inode || !inode->is_directory()) return Error{ENOTDIR};
    if (inode->unlinked()) return Error{ENOENT};
    std::array<uint8_t, 1024> piece;
    size_t done = 0;
    for (;;) {
        const size_t room = std::min(piece.size(), size - done);
        EntryPacker packer{std::span{piece}.first(room), layout};
        const uint64_t position = TRY(file->seek(0, SEEK_CUR));
        const auto listed = file->list(packer);
        if (packer.used() == 0) {
            if (!listed.ok() && done == 0) return listed.error();
            // Nothing fits although there is something: the buffer is too small for even one entry.
            if (packer.full() && done == 0) return Error{EINVAL};
            break;
        }
        if (const auto copied = mm::copy_to_user(buffer + done, piece.data(), packer.used()); !copied.ok()) {
            // What did not arrive is listed again.
            TRY(file->seek(static_cast<int64_t>(position), SEEK_SET));
            if (done == 0) return copied.error();
            break;
        }
        done += packer.used();
        // An error comes again in the next call.
        if (!packer.full() || !listed.ok()) break;
    }
    fs::notify::tell(*file, IN_ACCESS);
    return static_cast<long>(done);
}

Result<long> change_directory(Ref<fs::Inode> inode) {
    if (!inode->is_directory()) return Error{ENOTDIR};
    process::current().fs().set_working_directory(std::move(inode));
    return 0L;
}

}  // namespace

Result<long> sys_getdents64(int descriptor, VirtualAddress buffer, uint32_t size) {
    return get_entries(descriptor, buffer, size, Layout::New);
}

Result<long> sys_getdents(int descriptor, VirtualAddress buffer, uint32_t size) {
    return get_entries(descriptor, buffer, size, Layout::Old);
}

Result<long> sys_getcwd(VirtualAddress buffer, size_t size) {
    const std::unique_ptr<char[]> text{new (std::nothrow) char[fs::path_maximum]};
    if (!text) return Error{ENOMEM};
    const Ref<fs::Inode> directory = process::current().fs().working_directory();
    if (directory->unlinked()) return Error{ENOENT};
    text[fs::path_maximum - 1] = 0;
    const std::string_view path = TRY(fs::path_of(*directory, {text.get(), fs::path_maximum - 1}));
    if (path.size() + 1 > size) return Error{ERANGE};
    // The path ends at the buffer's end, where the zero stands.
    TRY(mm::copy_to_user(buffer, path.data(), path.size() + 1));
    return static_cast<long>(path.size() + 1);
}

Result<long> sys_chdir(VirtualAddress path) { return change_directory(TRY(find_at(AT_FDCWD, path, 0))); }

Result<long> sys_fchdir(int descriptor) {
    const Ref<fs::File> file = TRY(get_file_or_path(descriptor));
    return change_directory(TRY(inode_of(*file, Error{ENOTDIR})));
}

Result<long> sys_umask(uint32_t mask) { return static_cast<long>(process::current().fs().set_umask(mask)); }

}  // namespace eremite::syscall

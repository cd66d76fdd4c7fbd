#include "libos/fs/inode.hpp"

#include <algorithm>

#include "libos/fs/file.hpp"
#include "libos/fs/path.hpp"
#include "libos/ipc/named_pipe.hpp"

namespace eremite::fs {

Result<Ref<File>> Inode::open(uint32_t flags) {
    if (type_ == FileType::Fifo) return ipc::open_named_pipe(Ref<Inode>::share(this), flags);
    return TRY(make_ref<InodeFile>(Ref<Inode>::share(this), flags));
}

Result<Ref<File>> Inode::create_open(std::string_view name, uint32_t permissions, uint32_t flags) {
    return TRY(create(name, {.mode = S_IFREG | permissions}))->open(flags);
}

// Paths in /proc/self/maps are cut off at `size`, like those of an unlinked file that has no room for its suffix.
size_t Inode::describe(char* path, size_t size, uint64_t& inode) const {
    inode = 0;
    // attributes() is not const because file systems behind a device may fetch them.
    if (auto attributes = const_cast<Inode*>(this)->attributes(); attributes.ok()) inode = attributes->inode;
    const auto text = path_of(*this, {path, size});
    if (!text.ok()) return 0;
    size_t length = text.value().size();
    std::copy_n(text.value().data(), length, path);  // path_of writes to the end; this moves towards the start
    constexpr std::string_view suffix = " (deleted)";
    if (unlinked() && suffix.size() <= size - length) length += suffix.copy(path + length, suffix.size());
    return length;
}

}  // namespace eremite::fs

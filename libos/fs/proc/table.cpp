#include "libos/fs/proc/table.hpp"

#include <unistd.h>

#include <algorithm>

#include "libos/fs/proc/descriptors.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::proc {

namespace {

FileType type_of(Entry::Kind kind) {
    switch (kind) {
        case Entry::Kind::File: return FileType::Regular;
        case Entry::Kind::Link: return FileType::SymbolicLink;
        case Entry::Kind::Directory:
        case Entry::Kind::Descriptors: return FileType::Directory;
    }
    return FileType::Regular;
}

}  // namespace

Result<Attributes> GeneratedInode::attributes() {
    Attributes a;
    a.device = file_system_.device();
    a.inode = number_;
    const uint32_t permissions = type() == FileType::Regular ? entry_.permissions : type() == FileType::SymbolicLink ? 0777 : 0555;
    a.mode = mode_of(type()) | permissions;
    a.links = is_directory() ? 2 : 1;
    a.block_size = 1024;
    // The contents are made anew each time, so every time is now.
    a.access_time = a.modification_time = a.change_time = platform::realtime_now();
    return a;
}

Result<Ref<Inode>> make_inode(const Entry& entry, Ref<Inode> parent, uint64_t number, FileSystem& file_system) {
    switch (entry.kind) {
        case Entry::Kind::File: return Ref<Inode>{TRY(make_ref<GeneratedFile>(entry, std::move(parent), number, file_system))};
        case Entry::Kind::Directory: return Ref<Inode>{TRY(make_ref<TableDirectory>(entry, std::move(parent), number, file_system))};
        case Entry::Kind::Descriptors: return Ref<Inode>{TRY(make_ref<DescriptorDirectory>(entry, std::move(parent), number, file_system))};
        case Entry::Kind::Link: {
            StringSink sink;
            TRY(entry.generate(sink));
            return Ref<Inode>{TRY(make_ref<GeneratedLink>(entry, std::move(parent), number, file_system, TRY(sink.take())))};
        }
    }
    return Error{ENOENT};
}

Result<Ref<Inode>> TableDirectory::lookup(std::string_view name) {
    const std::span<const Entry> children = entry().children;
    for (size_t i = 0; i < children.size(); ++i) {
        if (children[i].name == name) return make_inode(children[i], Ref<Inode>::share(this), child_number(i), file_system());
    }
    return Error{ENOENT};
}

Result<void> TableDirectory::list(uint64_t& cursor, DirectorySink& sink) {
    const std::span<const Entry> children = entry().children;
    for (; cursor < children.size() + 2; ++cursor) {
        bool taken = false;
        if (cursor == 0) {
            taken = sink.add(".", number(), FileType::Directory, 1);
        } else if (cursor == 1) {
            taken = sink.add("..", number() / 64, FileType::Directory, 2);
        } else {
            const Entry& child = children[cursor - 2];
            taken = sink.add(child.name, child_number(cursor - 2), type_of(child.kind), cursor + 1);
        }
        if (!taken) break;
    }
    return {};
}

Result<Ref<File>> GeneratedFile::open(uint32_t flags) {
    StringSink sink;
    TRY(entry().generate(sink));
    return Ref<File>{TRY(make_ref<TextFile>(Ref<Inode>::share(this), flags, TRY(sink.take())))};
}

Result<size_t> TextFile::read_at(uint64_t offset, IoBuffer& buffer) {
    const std::string_view text = text_.view();
    if (offset >= text.size() || buffer.remaining() == 0) return size_t{0};
    const size_t size = std::min<size_t>(text.size() - offset, buffer.remaining());
    const size_t copied = buffer.put(text.data() + offset, size);
    if (copied == 0) return Error{EFAULT};
    return copied;
}

Result<size_t> TextFile::read(IoBuffer& buffer) {
    const uint64_t offset = position_.load(std::memory_order_relaxed);
    const size_t copied = TRY(read_at(offset, buffer));
    position_.store(offset + copied, std::memory_order_relaxed);
    return copied;
}

Result<uint64_t> TextFile::seek(int64_t offset, int whence) {
    if (whence != SEEK_SET && whence != SEEK_CUR) return Error{EINVAL};
    int64_t target = offset;
    if (whence == SEEK_CUR && __builtin_add_overflow(static_cast<int64_t>(position_.load(std::memory_order_relaxed)), offset, &target))
        return Error{EOVERFLOW};
    if (target < 0) return Error{EINVAL};
    position_.store(static_cast<uint64_t>(target), std::memory_order_relaxed);
    return static_cast<uint64_t>(target);
}

}  // namespace eremite::fs::proc

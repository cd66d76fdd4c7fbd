#include "libos/fs/initramfs.hpp"

#include <algorithm>

#include "base/vector.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/path.hpp"

namespace eremite::fs {

namespace {

constexpr int64_t second = 1'000'000'000;
constexpr size_t depth_limit = 128;

// A file with several names stands several times in an archive; only one of the entries carries its bytes.
struct KnownLink {
    uint64_t device;
    uint32_t inode;
    Ref<Inode> file;
};

class Unpacker {
public:
    explicit Unpacker(Ref<Inode> root) : root_{std::move(root)} {}

    Result<void> unpack(const CpioEntry& entry) {
        std::string_view name;
        const Ref<Inode> directory = TRY(parent_of(entry.name, name));
        if (name.empty()) return S_ISDIR(entry.mode) ? set_metadata(*directory, entry) : Result<void>{};
        if (name.size() > name_maximum) return Error{ENAMETOOLONG};
        switch (entry.mode & S_IFMT) {
            case S_IFDIR: return unpack_directory(*directory, name, entry);
            case S_IFREG: return unpack_file(*directory, name, entry);
            case S_IFLNK: return unpack_link(*directory, name, entry);
            case S_IFCHR:
            case S_IFBLK:
            case S_IFIFO:
            case S_IFSOCK: {
                TRY(make_room(*directory, name));
                const Ref<Inode> node = TRY(directory->create(name, {entry.mode, device_number(entry.node_major, entry.node_minor)}));
                return set_metadata(*node, entry);
            }
            default: return Error{EINVAL};
        }
    }
    // Links connect entries of one archive only.
    void end_archive() { links_.clear(); }

private:
    // The directory in which a name belongs, created where it is missing, and the last component of the name; that is empty
    // when the path names a directory by ".", ".." or nothing.
    Result<Ref<Inode>> parent_of(std::string_view path, std::string_view& last) {
        Vector<Ref<Inode>> way;
        TRY(way.push_back(root_));
        while (!path.empty()) {
            const size_t length = std::min(path.find('/'), path.size());
            const std::string_view name = path.substr(0, length);
            path.remove_prefix(std::min(length + 1, path.size()));
            if (name.empty() || name == ".") continue;
            if (last.size() > 0) TRY(enter(way, last));
            last = {};
            if (name == "..") {
                if (way.size() > 1) way.pop_back();
                continue;
            }
            last = name;
        }
        return std::move(way.back());
    }

    Result<void> enter(Vector<Ref<Inode>>& way, std::string_view name) {
        if (name.size() > name_maximum) return Error{ENAMETOOLONG};
        if (way.size() >= depth_limit) return Error{ELOOP};
        auto next = way.back()->lookup(name);
        if (next.code() == ENOENT) {
            TRY(way.push_back(TRY(way.back()->create_directory(name, 0755))));
            return {};
        }
        if (!next.ok()) return next.error();
        if (!next.value()->is_directory()) return Error{ENOTDIR};
        return way.push_back(enter_mounts(std::move(next.value())));
    }

    Result<void> make_room(Inode& directory, std::string_view name) {
        const auto removed = directory.unlink(name);
        if (removed.ok() || removed.code() == ENOENT) return {};
        return removed;
    }

    Result<void> set_metadata(Inode& inode, const CpioEntry& entry) {
        AttributeChange change;
        if (inode.type() != FileType::SymbolicLink) change.permissions = entry.mode & 07777;
        change.uid = entry.uid;
        change.gid = entry.gid;
        change.modification_time = int64_t{entry.modification_time} * second;
        change.access_time = change.modification_time;
        return inode.set_attributes(change);
    }

    Result<void> unpack_directory(Inode& directory, std::string_view name, const CpioEntry& entry) {
        auto present = directory.lookup(name);
        if (present.ok() && present.value()->is_directory()) {
            // The root of what is mounted there, as on /proc, is not the archive's to change.
            if (present.value()->is_mount_point()) return {};
            return set_metadata(*present.value(), entry);
        }
        TRY(make_room(directory, name));
        const Ref<Inode> created = TRY(directory.create_directory(name, entry.mode & 07777));
        return set_metadata(*created, entry);
    }

    Result<void> unpack_link(Inode& directory, std::string_view name, const CpioEntry& entry) {
        // SAFETY: characters may alias any bytes.
        const std::string_view target{reinterpret_cast<const char*>(entry.data.data()), entry.data.size()};
        if (target.empty() || target.size() >= path_maximum || target.find('\0') != target.npos) return Error{EINVAL};
        TRY(make_room(directory, name));
        TRY(directory.create_symbolic_link(name, target));
        const Ref<Inode> created = TRY(directory.lookup(name));
        return set_metadata(*created, entry);
    }

    Result<void> unpack_file(Inode& directory, std::string_view name, const CpioEntry& entry) {
        Ref<Inode> file;
        if (entry.links > 1) {
            const uint64_t device = uint64_t{entry.device_major} << 32 | entry.device_minor;
            for (const KnownLink& known : links_) {
                if (known.inode == entry.inode && known.device == device) file = known.file;
            }
            if (file) {
                const auto present = directory.lookup(name);
                if (present.ok() && present.value() == file) return {};
                TRY(make_room(directory, name));
                TRY(directory.link(name, *file));
                if (entry.data.empty()) return {};
            }
        }
        if (!file) {
            TRY(make_room(directory, name));
            file = TRY(directory.create(name, {S_IFREG | (entry.mode & 07777)}));
            if (entry.links > 1) TRY(links_.push_back({uint64_t{entry.device_major} << 32 | entry.device_minor, entry.inode, file}));
        }
        uint64_t position = 0;
        IoBuffer buffer = IoBuffer::kernel(entry.data);
        if (TRY(file->write(position, buffer, false)) != entry.data.size()) return Error{ENOSPC};
        return set_metadata(*file, entry);
    }

    Ref<Inode> root_;
    Vector<KnownLink> links_;
};

}  // namespace

UnpackReport unpack_initramfs(const Ref<Inode>& root, std::span<const uint8_t> bytes) {
    UnpackReport report;
    CpioReader reader{bytes};
    Unpacker unpacker{root};
    for (;;) {
        CpioEntry entry;
        const size_t start = reader.offset();
        switch (reader.next(entry)) {
            case CpioReader::Step::End: report.offset = reader.offset(); return report;
            case CpioReader::Step::EndOfArchive: unpacker.end_archive(); break;
            case CpioReader::Step::Failed:
                report.archive_error = reader.error();
                report.offset = reader.offset();
                return report;
            case CpioReader::Step::Entry:
                if (const auto unpacked = unpacker.unpack(entry); !unpacked.ok()) {
                    report.file_error = unpacked.code();
                    report.offset = start;
                    return report;
                }
                ++report.entries;
                break;
        }
    }
}

bool is_initramfs(std::span<const uint8_t> bytes) {
    // SAFETY: characters may alias any bytes.
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return text.starts_with("070701") || text.starts_with("070702");
}

}  // namespace eremite::fs

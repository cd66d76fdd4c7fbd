#include "folder_server.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eremite::test {

namespace {

// What a request fails with.
struct Failure {
    int code;
};
void check(long result) {
    if (result < 0) throw Failure{errno};
}

constexpr uint64_t largest_data = 1 << 20;

}  // namespace

class FolderServer::Reader {
public:
    explicit Reader(const Bytes& bytes) : bytes_{bytes} {}
    uint64_t number(size_t size) {
        if (size > bytes_.size() - at_) throw Failure{EPROTO};
        uint64_t value = 0;
        for (size_t i = 0; i < size; ++i) value |= uint64_t{bytes_[at_++]} << (8 * i);
        return value;
    }
    uint8_t u8() { return static_cast<uint8_t>(number(1)); }
    uint16_t u16() { return static_cast<uint16_t>(number(2)); }
    uint32_t u32() { return static_cast<uint32_t>(number(4)); }
    uint64_t u64() { return number(8); }
    std::string bytes(size_t size) {
        if (size > bytes_.size() - at_) throw Failure{EPROTO};
        std::string text{bytes_.begin() + static_cast<long>(at_), bytes_.begin() + static_cast<long>(at_ + size)};
        at_ += size;
        return text;
    }
    std::string text() { return bytes(u16()); }
    void end() const {
        if (at_ != bytes_.size()) throw Failure{EPROTO};
    }

private:
    const Bytes& bytes_;
    size_t at_ = 0;
};

class FolderServer::Writer {
public:
    Bytes out;
    void number(uint64_t value, size_t size) {
        for (size_t i = 0; i < size; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
    }
    void u8(uint64_t v) { number(v, 1); }
    void u16(uint64_t v) { number(v, 2); }
    void u32(uint64_t v) { number(v, 4); }
    void u64(uint64_t v) { number(v, 8); }
    void bytes(std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }
    void text(std::string_view text) {
        u16(text.size());
        bytes(text);
    }
    void qid(const struct stat& s) {
        u8(S_ISDIR(s.st_mode) ? 0x80 : S_ISLNK(s.st_mode) ? 0x02 : 0);
        u32(static_cast<uint32_t>(s.st_mtim.tv_nsec));
        u64(s.st_ino);
    }
    void time(const timespec& t) {
        u64(static_cast<uint64_t>(t.tv_sec));
        u64(static_cast<uint64_t>(t.tv_nsec));
    }
};

FolderServer::~FolderServer() {
    while (!fids_.empty()) clunk(fids_.begin()->first);
}

FolderServer::State& FolderServer::fid(uint32_t number) {
    const auto found = fids_.find(number);
    if (found == fids_.end()) throw Failure{EBADF};
    return found->second;
}

void FolderServer::qid(Writer& w, const std::string& path) {
    struct stat s;
    check(::lstat(host(path).c_str(), &s));
    w.qid(s);
}

void FolderServer::clunk(uint32_t number) {
    State& state = fid(number);
    if (state.file >= 0) ::close(state.file);
    const State last = std::move(state);
    fids_.erase(number);
    if (!last.writes_attribute) return;
    if (last.value.size() != last.value_size) throw Failure{EINVAL};
    const std::string path = host(last.path);
    if (last.value_size == 0) check(::lremovexattr(path.c_str(), last.attribute.c_str()));
    else check(::lsetxattr(path.c_str(), last.attribute.c_str(), last.value.data(), last.value.size(), last.attribute_flags));
}

void FolderServer::renamed(const std::string& from, const std::string& to) {
    for (auto& [number, state] : fids_) {
        if (state.path == from) state.path = to;
        else if (state.path.starts_with(from + "/")) state.path = to + state.path.substr(from.size());
    }
}

Bytes FolderServer::answer(const Bytes& request) {
    const std::lock_guard guard{mutex_};
    Reader r{request};
    Writer w;
    int type = 0;
    uint16_t tag = 0;
    try {
        if (r.u32() != request.size()) throw Failure{EPROTO};
        type = r.u8();
        tag = r.u16();
        ++counts[type];
        dispatch(type, r, w);
        r.end();
        ++type;
    } catch (const Failure& failure) {
        type = 7;
        w.out.clear();
        w.u32(static_cast<uint64_t>(failure.code));
    }
    Writer reply;
    reply.u32(7 + w.out.size());
    reply.u8(static_cast<uint64_t>(type));
    reply.u16(tag);
    reply.out.insert(reply.out.end(), w.out.begin(), w.out.end());
    return reply.out;
}

void FolderServer::dispatch(int type, Reader& r, Writer& w) {
    switch (type) {
        case 100: {  // version
            w.u32(r.u32());
            r.text();
            w.text("9P2000.L");
            return;
        }
        case 104: {  // attach
            const uint32_t number = r.u32();
            r.u32(), r.text(), r.text(), r.u32();
            fids_[number] = {};
            qid(w, "");
            return;
        }
        case 108: r.u16(); return;  // flush: whatever it was has been answered
        case 120: clunk(r.u32()); return;
        default: break;
    }
    if (!on_names(type, r, w) && !on_attributes(type, r, w) && !on_data(type, r, w)) throw Failure{EOPNOTSUPP};
}

bool FolderServer::on_names(int type, Reader& r, Writer& w) {
    const auto join = [](const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; };
    // A fid and a name in it.
    const auto next_path = [&] {
        const std::string folder = fid(r.u32()).path;
        return join(folder, r.text());
    };
    const auto may_write = [&] {
        if (read_only) throw Failure{EROFS};
    };
    switch (type) {
        case 110: {  // walk
            const State& from = fid(r.u32());
            const uint32_t number = r.u32();
            const uint16_t count = r.u16();
            std::string path = from.path;
            Writer qids;
            for (int i = 0; i < count; ++i) {
                path = join(path, r.text());
                qid(qids, path);
            }
            if (count == 0) qid(qids, path), qids.out.clear();
            if (fids_.count(number)) throw Failure{EINVAL};
            fids_[number].path = path;
            w.u16(count);
            w.out.insert(w.out.end(), qids.out.begin(), qids.out.end());
            return true;
        }
        case 14: {  // create
            State& state = fid(r.u32());
            const std::string path = join(state.path, r.text());
            const int flags = static_cast<int>(r.u32());
            const uint32_t mode = r.u32();
            r.u32();
            may_write();
            const int file = ::open(host(path).c_str(), flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
            check(file);
            check(::fchmod(file, mode & 07777));
            state.path = path;
            state.file = file;
            qid(w, path);
            w.u32(0);
            return true;
        }
        case 16:    // symbolic link
        case 72:    // directory
        case 18: {  // node
            const std::string path = next_path();
            const std::string target = type == 16 ? r.text() : "";
            const uint32_t mode = type == 16 ? 0 : r.u32();
            const uint32_t major = type == 18 ? r.u32() : 0, minor = type == 18 ? r.u32() : 0;
            r.u32();
            may_write();
            if (type == 16) check(::symlink(target.c_str(), host(path).c_str()));
            else if (type == 72) check(::mkdir(host(path).c_str(), 0700));
            else check(::mknod(host(path).c_str(), mode & (S_IFMT | 0600), makedev(major, minor)));
            if (type != 16) check(::chmod(host(path).c_str(), mode & 07777));
            qid(w, path);
            return true;
        }
        case 22: {  // readlink
            char target[4096];
            const long size = ::readlink(host(fid(r.u32()).path).c_str(), target, sizeof target);
            check(size);
            w.text({target, static_cast<size_t>(size)});
            return true;
        }
        case 70: {  // link
            const std::string folder = fid(r.u32()).path, file = fid(r.u32()).path;
            const std::string path = join(folder, r.text());
            may_write();
            check(::link(host(file).c_str(), host(path).c_str()));
            return true;
        }
        case 74: {  // rename
            const std::string from = next_path();
            const std::string to = next_path();
            may_write();
            check(::rename(host(from).c_str(), host(to).c_str()));
            renamed(from, to);
            return true;
        }
        case 76: {  // unlink
            const std::string path = next_path();
            may_write();
            check(r.u32() & 0x200 ? ::rmdir(host(path).c_str()) : ::unlink(host(path).c_str()));
            return true;
        }
        default: return false;
    }
}

bool FolderServer::on_attributes(int type, Reader& r, Writer& w) {
    switch (type) {
        case 24: {  // get
            struct stat s;
            check(::lstat(host(fid(r.u32()).path).c_str(), &s));
            r.u64();
            w.u64(0x7ff);
            w.qid(s);
            w.u32(s.st_mode), w.u32(s.st_uid), w.u32(s.st_gid);
            w.u64(s.st_nlink), w.u64(s.st_rdev), w.u64(static_cast<uint64_t>(s.st_size)), w.u64(4096), w.u64(static_cast<uint64_t>(s.st_blocks));
            for (const timespec& t : {s.st_atim, s.st_mtim, s.st_ctim, timespec{}}) w.time(t);
            w.u64(0), w.u64(0);
            return true;
        }
        case 26: {  // set
            const std::string path = host(fid(r.u32()).path);
            const uint32_t valid = r.u32(), mode = r.u32(), uid = r.u32(), gid = r.u32();
            const uint64_t size = r.u64();
            timespec times[2];
            for (timespec& t : times) t.tv_sec = static_cast<time_t>(r.u64()), t.tv_nsec = static_cast<long>(r.u64());
            if (read_only) throw Failure{EROFS};
            if (valid & 8) check(::truncate(path.c_str(), static_cast<off_t>(size)));
            if (valid & 6) check(::lchown(path.c_str(), valid & 2 ? uid : -1U, valid & 4 ? gid : -1U));
            if (valid & 1) check(::chmod(path.c_str(), mode & 07777));
            if ((valid & 0x10) == 0) times[0].tv_nsec = UTIME_OMIT;
            else if ((valid & 0x80) == 0) times[0].tv_nsec = UTIME_NOW;
            if ((valid & 0x20) == 0) times[1].tv_nsec = UTIME_OMIT;
            else if ((valid & 0x100) == 0) times[1].tv_nsec = UTIME_NOW;
            if (valid & 0x30) check(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
            return true;
        }
        case 8: {  // statfs
            struct statfs s;
            check(::statfs(host(fid(r.u32()).path).c_str(), &s));
            w.u32(static_cast<uint64_t>(s.f_type)), w.u32(static_cast<uint64_t>(s.f_bsize));
            w.u64(s.f_blocks), w.u64(s.f_bfree), w.u64(s.f_bavail), w.u64(s.f_files), w.u64(s.f_ffree), w.u64(0);
            w.u32(255);
            return true;
        }
        case 30: {  // xattrwalk
            const std::string path = fid(r.u32()).path;
            const uint32_t number = r.u32();
            const std::string name = r.text();
            std::string value(65536, '\0');
            const long size = name.empty() ? ::llistxattr(host(path).c_str(), value.data(), value.size())
                                           : ::lgetxattr(host(path).c_str(), name.c_str(), value.data(), value.size());
            check(size);
            value.resize(static_cast<size_t>(size));
            State& state = fids_[number];
            state.path = path;
            state.value = value;
            state.reads_attribute = true;
            w.u64(static_cast<uint64_t>(size));
            return true;
        }
        case 32: {  // xattrcreate
            State& state = fid(r.u32());
            state.attribute = r.text();
            state.value_size = r.u64();
            state.attribute_flags = static_cast<int>(r.u32());
            state.writes_attribute = true;
            return true;
        }
        default: return false;
    }
}

bool FolderServer::on_data(int type, Reader& r, Writer& w) {
    switch (type) {
        case 12: {  // open
            State& state = fid(r.u32());
            const auto flags = static_cast<int>(r.u32());
            if (read_only && (flags & O_ACCMODE) != O_RDONLY) throw Failure{EROFS};
            const int file = ::open(host(state.path).c_str(), (flags & ~O_CREAT) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
            check(file);
            state.file = file;
            if (DIR* folder = ::opendir(host(state.path).c_str())) {
                while (const dirent* entry = ::readdir(folder)) state.entries.emplace_back(entry->d_name, entry->d_type);
                ::closedir(folder);
            }
            qid(w, state.path);
            w.u32(0);
            return true;
        }
        case 116: {  // read
            const State& state = fid(r.u32());
            const uint64_t offset = r.u64();
            std::string data(std::min<uint64_t>(r.u32(), largest_data), '\0');
            if (state.reads_attribute) {
                data = offset < state.value.size() ? state.value.substr(offset, data.size()) : "";
            } else {
                const long size = ::pread(state.file, data.data(), data.size(), static_cast<off_t>(offset));
                check(size);
                data.resize(static_cast<size_t>(size));
            }
            w.u32(data.size());
            w.bytes(data);
            return true;
        }
        case 118: {  // write
            State& state = fid(r.u32());
            const uint64_t offset = r.u64();
            const std::string data = r.bytes(r.u32());
            if (state.writes_attribute) {
                if (offset != state.value.size()) throw Failure{EINVAL};
                state.value += data;
                w.u32(data.size());
                return true;
            }
            const long size = ::pwrite(state.file, data.data(), data.size(), static_cast<off_t>(offset));
            check(size);
            w.u32(static_cast<uint64_t>(size));
            return true;
        }
        case 40: {  // readdir
            State& state = fid(r.u32());
            uint64_t offset = r.u64();
            const uint32_t count = r.u32();
            Writer data;
            for (; offset < state.entries.size(); ++offset) {
                const auto& [name, kind] = state.entries[offset];
                struct stat s;
                if (::lstat((host(state.path) + "/" + name).c_str(), &s) != 0) continue;
                Writer entry;
                entry.qid(s), entry.u64(offset + 1), entry.u8(static_cast<uint64_t>(kind)), entry.text(name);
                if (data.out.size() + entry.out.size() > count) break;
                data.out.insert(data.out.end(), entry.out.begin(), entry.out.end());
            }
            w.u32(data.out.size());
            w.out.insert(w.out.end(), data.out.begin(), data.out.end());
            return true;
        }
        case 50: {  // fsync
            const State& state = fid(r.u32());
            check(r.u32() ? ::fdatasync(state.file) : ::fsync(state.file));
            return true;
        }
        case 52:  // lock
            fid(r.u32());
            r.u8(), r.u32(), r.u64(), r.u64(), r.u32(), r.text();
            w.u8(0);
            return true;
        case 54: {  // getlock
            fid(r.u32());
            r.u8();
            const uint64_t start = r.u64(), length = r.u64();
            const uint32_t process = r.u32();
            w.u8(2), w.u64(start), w.u64(length), w.u32(process), w.text(r.text());
            return true;
        }
        default: return false;
    }
}

}  // namespace eremite::test

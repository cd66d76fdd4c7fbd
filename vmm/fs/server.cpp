#include "vmm/fs/server.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>

#include "vmm/fs/operations.hpp"
#include "vmm/virtio/device.hpp"

namespace eremite::vmm::fs {

namespace {

constexpr uint32_t oldest_minor_version = 31;
constexpr uint32_t page = 4096;
constexpr uint32_t features = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS |
                              FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES;

struct Kind {
    operations::Operation* run = nullptr;
    size_t arguments = 0;      // bytes of the structure that comes first
    size_t reply = 0;          // bytes that there must be room for
    bool changes = false;      // something in the folder
    bool has_data = false;     // behind the structure, to be written
    bool is_answered = true;
};

constexpr size_t entry = sizeof(fuse_entry_out);
constexpr size_t most_opcodes = 64;

// By opcode; what has nothing there is not known.
constexpr auto kinds = [] {
    namespace o = operations;
    constexpr bool changes = true;
    std::array<Kind, most_opcodes> k{};
    k[FUSE_LOOKUP] = {o::lookup, 0, entry};
    k[FUSE_FORGET] = {.run = o::forget, .arguments = sizeof(fuse_forget_in), .is_answered = false};
    k[FUSE_BATCH_FORGET] = {.run = o::batch_forget, .arguments = sizeof(fuse_batch_forget_in), .is_answered = false};
    k[FUSE_MKNOD] = {o::make_node, sizeof(fuse_mknod_in), entry, changes};
    k[FUSE_MKDIR] = {o::make_folder, sizeof(fuse_mkdir_in), entry, changes};
    k[FUSE_SYMLINK] = {o::make_symbolic_link, 0, entry, changes};
    k[FUSE_LINK] = {o::link, sizeof(fuse_link_in), entry, changes};
    k[FUSE_UNLINK] = {o::unlink, 0, 0, changes};
    k[FUSE_RMDIR] = {o::remove_folder, 0, 0, changes};
    k[FUSE_RENAME] = {o::rename, sizeof(fuse_rename_in), 0, changes};
    k[FUSE_RENAME2] = {o::rename2, sizeof(fuse_rename2_in), 0, changes};
    k[FUSE_READLINK] = {o::read_link};

    k[FUSE_GETATTR] = {o::get_attributes, sizeof(fuse_getattr_in), sizeof(fuse_attr_out)};
    k[FUSE_SETATTR] = {o::set_attributes, sizeof(fuse_setattr_in), sizeof(fuse_attr_out), changes};
    k[FUSE_ACCESS] = {o::access, sizeof(fuse_access_in)};
    k[FUSE_STATFS] = {o::file_system_status, 0, sizeof(fuse_statfs_out)};

    k[FUSE_OPEN] = {o::open, sizeof(fuse_open_in), sizeof(fuse_open_out)};
    k[FUSE_CREATE] = {o::create, sizeof(fuse_create_in), entry + sizeof(fuse_open_out), changes};
    k[FUSE_TMPFILE] = {o::make_nameless, sizeof(fuse_create_in), entry + sizeof(fuse_open_out), changes};
    k[FUSE_READ] = {o::read, sizeof(fuse_read_in)};
    k[FUSE_WRITE] = {o::write, sizeof(fuse_write_in), sizeof(fuse_write_out), changes, true};
    k[FUSE_FLUSH] = {o::flush, sizeof(fuse_flush_in)};
    k[FUSE_FSYNC] = {o::synchronize, sizeof(fuse_fsync_in)};
    k[FUSE_RELEASE] = {o::release, sizeof(fuse_release_in)};
    k[FUSE_FALLOCATE] = {o::allocate, sizeof(fuse_fallocate_in), 0, changes};
    k[FUSE_LSEEK] = {o::seek, sizeof(fuse_lseek_in), sizeof(fuse_lseek_out)};
    k[FUSE_COPY_FILE_RANGE] = {o::copy_range, sizeof(fuse_copy_file_range_in), sizeof(fuse_write_out), changes};

    k[FUSE_OPENDIR] = {o::open_folder, sizeof(fuse_open_in), sizeof(fuse_open_out)};
    k[FUSE_READDIR] = {o::list, sizeof(fuse_read_in)};
    k[FUSE_READDIRPLUS] = {o::list_and_look_up, sizeof(fuse_read_in)};
    k[FUSE_FSYNCDIR] = {o::synchronize_folder, sizeof(fuse_fsync_in)};
    k[FUSE_RELEASEDIR] = {o::release_folder, sizeof(fuse_release_in)};
    k[FUSE_SYNCFS] = {o::synchronize_all, sizeof(fuse_syncfs_in)};

    k[FUSE_SETXATTR] = {o::set_extended, FUSE_COMPAT_SETXATTR_IN_SIZE, 0, changes};
    k[FUSE_GETXATTR] = {o::get_extended, sizeof(fuse_getxattr_in)};
    k[FUSE_LISTXATTR] = {o::list_extended, sizeof(fuse_getxattr_in)};
    k[FUSE_REMOVEXATTR] = {o::remove_extended, 0, 0, changes};
    return k;
}();

// Requests end before the next one is looked at, so there is nothing to interrupt.
bool is_answered(uint32_t opcode) { return opcode != FUSE_INTERRUPT && (opcode >= kinds.size() || kinds[opcode].is_answered); }

}  // namespace

void Server::list_needs(sandbox::Needs& needs) const {
    // A guest's users have files of their own, if we may do that.
    for (const unsigned right : {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_SETGID, CAP_SETUID, CAP_MKNOD, CAP_SETFCAP})
        needs.capabilities |= sandbox::capability(right);
    needs.folders.push_back({.descriptor = share_.folder.get(), .read_only = share_.read_only});
    needs.add_calls({SYS_openat, SYS_openat2, SYS_statx, SYS_fstatfs, SYS_statfs, SYS_readlinkat, SYS_getdents64, SYS_fcntl, SYS_umask, SYS_fchdir,
                     SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_copy_file_range, SYS_fallocate, SYS_ftruncate, SYS_fsync, SYS_fdatasync,
                     SYS_syncfs, SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_fchmod, SYS_fchmodat,
                     SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_getxattr, SYS_setxattr, SYS_listxattr, SYS_removexattr, SYS_fgetxattr,
                     SYS_fsetxattr, SYS_flistxattr, SYS_fremovexattr, SYS_flock, SYS_faccessat, SYS_faccessat2, SYS_setfsuid, SYS_setfsgid,
                     SYS_geteuid, SYS_getegid, SYS_getuid, SYS_getgid});
    // A thread that serves has a working directory and a mask for new files of its own.
    needs.calls.push_back(sandbox::with_argument(SYS_unshare, 0, CLONE_FS));
    needs.calls.push_back(sandbox::with_argument(SYS_setgroups, 0, 0));
}

uint32_t Server::serve(std::span<const iovec> readable, std::span<const iovec> writable) {
    // What the thread cannot have, only extended attributes need.
    (void)prepare_thread(share_.descriptors.get());
    fuse_in_header header{};
    const bool complete = virtio::copy_from(readable, 0, std::as_writable_bytes(std::span{&header, 1})) == sizeof header;
    size_t room = 0;
    for (const iovec& piece : writable) room += piece.iov_len;
    const bool answered = !complete || is_answered(header.opcode);
    // What the guest could not learn of is not done.
    if (answered && room < sizeof(fuse_out_header)) return 0;
    Reply reply{writable, std::max(room, sizeof(fuse_out_header))};
    const auto result = complete ? run(header, readable, reply) : Result<void>{Error{EINVAL}};
    return answered ? reply.finish(header.unique, result.code()) : 0;
}

Result<void> Server::run(const fuse_in_header& header, std::span<const iovec> readable, Reply& reply) {
    size_t sent = 0;
    for (const iovec& piece : readable) sent += piece.iov_len;
    if (header.len < sizeof header || header.len > sent) return Error{EINVAL};
    const Kind kind = header.opcode < kinds.size() ? kinds[header.opcode] : Kind{};
    // Copied once, then checked: the guest may write there meanwhile. Data are written from where they are, and mean nothing to us.
    size_t body = header.len - sizeof header;
    size_t data = 0;
    if (kind.has_data && body > kind.arguments) data = body - kind.arguments, body = kind.arguments;
    if (body > body_.size()) return Error{E2BIG};
    const std::span copy = std::span{body_}.first(body);
    if (virtio::copy_from(readable, sizeof header, copy) != body) return Error{EINVAL};
    Request request{header, copy, readable, data};
    share_.inodes.begin_request();
    switch (header.opcode) {
        case FUSE_INIT: return initialize(request, reply);
        case FUSE_DESTROY: forget_all(); return {};
        case FUSE_INTERRUPT: return {};
        default: break;
    }
    if (!share_.initialized) return Error{EIO};
    if (!kind.run) return Error{ENOSYS};
    if (body < kind.arguments) return Error{EINVAL};
    // Nothing is done of which the guest cannot be told.
    if (kind.reply > reply.room()) return Error{E2BIG};
    if (kind.changes && share_.read_only) return Error{EROFS};
    return kind.run(share_, request, reply);
}

// Begins anew, if the guest had begun before.
Result<void> Server::initialize(Request& request, Reply& reply) {
    // Older clients know the first fields only.
    constexpr size_t least = 4 * sizeof(uint32_t);
    if (request.left() < least) return Error{EINVAL};
    const auto in = request.take<fuse_init_in>();
    fuse_init_out out{};
    if (sizeof out > reply.room()) return Error{E2BIG};
    forget_all();
    out.major = FUSE_KERNEL_VERSION;
    out.minor = FUSE_KERNEL_MINOR_VERSION;
    // A client of a newer version is told ours, and asks again with it.
    if (in.major > FUSE_KERNEL_VERSION) {
        reply.put(out);
        return {};
    }
    if (in.major < FUSE_KERNEL_VERSION || in.minor < oldest_minor_version) return Error{EPROTO};
    out.minor = std::min<uint32_t>(in.minor, FUSE_KERNEL_MINOR_VERSION);
    out.max_readahead = std::min(in.max_readahead, most_data);
    out.flags = in.flags & features;
    // How many requests wait here that nobody in the guest waits for, and when it is to slow down.
    out.max_background = 64;
    out.congestion_threshold = 48;
    out.max_write = most_data;
    out.max_pages = most_data / page;
    out.time_gran = 1;
    share_.initialized = true;
    reply.put(out);
    return {};
}

void Server::forget_all() {
    share_.handles.close_all();
    share_.inodes.forget_all();
    share_.initialized = false;
}

}  // namespace eremite::vmm::fs

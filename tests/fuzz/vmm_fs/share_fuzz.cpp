// The fuzzer plays the guest of a shared folder. Input: a byte of options, then requests: an opcode, a form, and what fills the request. Numbers
// of files and handles are mostly small or such as the server told, names mostly such as there are. Whatever is asked, what is outside of the
// folder stays as it is, and so does the folder if it is for reading only.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <vector>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/vmm_fs/world.hpp"
#include "vmm/fs/server.hpp"

using namespace eremite;
using test::Input;
using test::require;

namespace {

constexpr std::array<std::string_view, 16> names{
    "f", "d", "e", "g", "l", "m", "k", "p", "new", "..", ".", "", "../outside/secret", "/etc", "secret", "folder"};
constexpr std::array<uint32_t, 37> opcodes{
    FUSE_LOOKUP, FUSE_FORGET, FUSE_GETATTR, FUSE_SETATTR, FUSE_READLINK, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR,
    FUSE_RENAME, FUSE_LINK, FUSE_OPEN, FUSE_READ, FUSE_WRITE, FUSE_STATFS, FUSE_RELEASE, FUSE_FSYNC, FUSE_SETXATTR, FUSE_GETXATTR,
    FUSE_LISTXATTR, FUSE_REMOVEXATTR, FUSE_FLUSH, FUSE_OPENDIR, FUSE_READDIR, FUSE_READDIRPLUS, FUSE_RELEASEDIR, FUSE_ACCESS, FUSE_CREATE,
    FUSE_BATCH_FORGET, FUSE_FALLOCATE, FUSE_RENAME2, FUSE_LSEEK, FUSE_COPY_FILE_RANGE, FUSE_TMPFILE, FUSE_INTERRUPT, FUSE_DESTROY};

// Bytes of the structure in front of a request's names; so many that all fields can be reached.
constexpr size_t longest_structure = sizeof(fuse_setattr_in);

class Guest {
public:
    Guest(vmm::fs::Server& server, Input& input) : server_{server}, input_{input} {}

    void initialize() {
        fuse_init_in in{};
        in.major = FUSE_KERNEL_VERSION;
        in.minor = FUSE_KERNEL_MINOR_VERSION;
        in.flags = UINT32_MAX;
        request_.clear();
        add(in);
        send(FUSE_INIT, 0, 4096);
    }
    void step() {
        request_.clear();
        const uint8_t selector = input_.byte(), form = input_.byte();
        const uint32_t opcode = selector < 0xf0 ? opcodes[selector % opcodes.size()] : input_.byte();
        const uint64_t node = number();
        size_t structure = structure_of(opcode);
        // Numbers that matter: a file or handle, a size, flags, and the like.
        for (; structure >= sizeof(uint64_t); structure -= sizeof(uint64_t)) add(number());
        if (structure != 0) add(input_.word());
        for (int i = form & 3; i > 0; --i) add_name();
        if ((form & 4) != 0) {
            const auto raw = input_.take(input_.byte());
            request_.insert(request_.end(), raw.begin(), raw.end());
        }
        send(opcode, node, form & 8 ? input_.byte() : 8192);
    }

private:
    // Where lengths are wrong, the fuzzer's own bytes come (form & 4).
    static size_t structure_of(uint32_t opcode) {
        switch (opcode) {
            case FUSE_LOOKUP:
            case FUSE_UNLINK:
            case FUSE_RMDIR:
            case FUSE_SYMLINK:
            case FUSE_READLINK:
            case FUSE_STATFS:
            case FUSE_REMOVEXATTR: return 0;
            case FUSE_SETATTR: return longest_structure;
            case FUSE_MKNOD:
            case FUSE_CREATE:
            case FUSE_TMPFILE:
            case FUSE_RENAME2:
            case FUSE_GETATTR:
            case FUSE_FSYNC: return 16;
            case FUSE_READ:
            case FUSE_WRITE:
            case FUSE_READDIR:
            case FUSE_READDIRPLUS: return sizeof(fuse_read_in);
            case FUSE_RELEASE:
            case FUSE_RELEASEDIR:
            case FUSE_FLUSH:
            case FUSE_LSEEK: return 24;
            case FUSE_FALLOCATE: return sizeof(fuse_fallocate_in);
            case FUSE_COPY_FILE_RANGE: return sizeof(fuse_copy_file_range_in);
            default: return 8;
        }
    }
    // One that the server told, a small one, one that may be two of 32 bits, or any.
    uint64_t number() {
        const uint8_t kind = input_.byte();
        if (kind < 0x60) return told_.empty() ? FUSE_ROOT_ID : told_[kind % told_.size()];
        if (kind < 0xc0) return kind - 0x60;
        if (kind < 0xe0) return uint64_t{input_.half()} << 32 | input_.half();
        return uint64_t{input_.word()} << 32 | input_.word();
    }
    template <typename T>
    void add(const T& value) {
        const auto* const bytes = reinterpret_cast<const uint8_t*>(&value);
        request_.insert(request_.end(), bytes, bytes + sizeof value);
    }
    void add_name() {
        const std::string_view name = names[input_.byte() % names.size()];
        request_.insert(request_.end(), name.begin(), name.end());
        request_.push_back(0);
    }

    void send(uint32_t opcode, uint64_t node, size_t room) {
        fuse_in_header header{};
        header.len = static_cast<uint32_t>(sizeof header + request_.size());
        header.opcode = opcode;
        header.unique = ++unique_;
        header.nodeid = node;
        header.uid = header.gid = node % 5 == 4 ? 1234 : 0;
        const auto* const bytes = reinterpret_cast<const uint8_t*>(&header);
        request_.insert(request_.begin(), bytes, bytes + sizeof header);
        // Memory of the exact sizes, so that AddressSanitizer sees what goes beyond.
        std::vector<uint8_t> message{request_}, reply(room);
        const size_t half = message.size() / 2;
        const std::array<iovec, 2> readable{iovec{message.data(), half}, iovec{message.data() + half, message.size() - half}};
        const iovec writable{reply.data(), reply.size()};
        const uint32_t written = server_.serve(readable, {&writable, room == 0 ? 0U : 1U});
        require(written <= room);
        if (written == 0) return;
        fuse_out_header out{};
        require(written >= sizeof out);
        std::memcpy(&out, reply.data(), sizeof out);
        require(out.len == written && out.unique == header.unique && out.error <= 0 && out.error > -134);
        require(out.error == 0 || written == sizeof out);
        if (out.error == 0) learn(opcode, {reply.data() + sizeof out, written - sizeof out});
    }
    // Numbers of files and handles come first in replies; and behind an entry.
    void learn(uint32_t opcode, std::span<const uint8_t> reply) {
        switch (opcode) {
            case FUSE_LOOKUP:
            case FUSE_CREATE:
            case FUSE_TMPFILE:
            case FUSE_MKDIR:
            case FUSE_MKNOD:
            case FUSE_SYMLINK:
            case FUSE_READDIRPLUS:
            case FUSE_OPEN:
            case FUSE_OPENDIR: break;
            default: return;
        }
        constexpr size_t most = 64;
        for (const size_t at : {size_t{0}, sizeof(fuse_entry_out)}) {
            uint64_t told = 0;
            if (reply.size() < at + sizeof told || told_.size() == most) continue;
            std::memcpy(&told, reply.data() + at, sizeof told);
            told_.push_back(told);
        }
    }

    vmm::fs::Server& server_;
    Input& input_;
    std::vector<uint8_t> request_;
    std::vector<uint64_t> told_{FUSE_ROOT_ID};
    uint64_t unique_ = 0;
};

// Nothing gets large.
void limit_files() {
    const rlimit limit{1 << 20, 1 << 20};
    require(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static test::World world;
    static const std::string before = [] {
        limit_files();
        world.restore();
        return world.outside();
    }();
    Input input{data, size};
    const bool read_only = (input.byte() & 1) != 0;
    world.restore();
    struct stat root {}, after {};
    require(::stat(world.shared().c_str(), &root) == 0);
    {
        vmm::fs::Server server{world.shared(), read_only};
        Guest guest{server, input};
        guest.initialize();
        constexpr int most_steps = 200;
        for (int i = 0; i < most_steps && !input.empty(); ++i) guest.step();
    }
    require(world.outside() == before);
    require(::stat(world.shared().c_str(), &after) == 0);
    require(!read_only || (root.st_ctim.tv_sec == after.st_ctim.tv_sec && root.st_ctim.tv_nsec == after.st_ctim.tv_nsec));
    return 0;
}

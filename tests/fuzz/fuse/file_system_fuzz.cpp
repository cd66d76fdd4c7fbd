// The fuzzer plays a FUSE server, and decides what the program does with the files that it claims to have.
#include <linux/fuse.h>
#include <sys/stat.h>

#include <map>

#include "libos/fs/fuse/file_system.hpp"
#include "libos/fs/fuse/protocol.hpp"
#include "tests/fuzz/remote/program.hpp"

namespace eremite::test {

namespace {

using Bytes = std::vector<uint8_t>;

class Server final : public fs::remote::Transport {
public:
    explicit Server(Input& input) : input_{input} {}
    [[nodiscard]] Limits limits() const override { return {4, 19}; }
    Result<void> submit(Message& message) override {
        if (broken_) return Error{EIO};
        const Bytes request = gathered(message.request);
        // Requests are always well-formed.
        fuse_in_header header;
        require(request.size() >= sizeof header);
        std::memcpy(&header, request.data(), sizeof header);
        require(header.len == request.size());
        const Bytes arguments{request.begin() + sizeof header, request.end()};
        if (message.reply.empty()) {
            require(header.opcode == FUSE_FORGET);
            forget(header.nodeid, first<fuse_forget_in>(arguments).nlookup);
            message.done(message, 0, 0);
            return {};
        }
        size_t room = 0;
        for (const auto& segment : message.reply) room += segment.size();
        require(room >= sizeof(fuse_out_header));
        if (header.opcode == FUSE_RELEASE || header.opcode == FUSE_RELEASEDIR) release(first<fuse_release_in>(arguments).fh);
        const Bytes reply = answer(header, arguments, room);
        const size_t written = scatter(reply, message.reply);
        if (written == reply.size()) count(header, reply);
        message.done(message, written, broken_ ? EIO : 0);
        return {};
    }
    // What the client was told of and has not given up.
    void end() const {
        if (broken_) return;
        for (const auto& [node, count] : lookups_) require(count == 0);
        for (const auto& [handle, count] : opened_) require(count == 0);
    }

private:
    template <typename T>
    static T first(const Bytes& bytes, size_t at = 0) {
        T value;
        require(bytes.size() >= at + sizeof value);
        std::memcpy(&value, bytes.data() + at, sizeof value);
        return value;
    }
    template <typename T>
    static void append(Bytes& bytes, const T& value) {
        const auto* const from = reinterpret_cast<const uint8_t*>(&value);
        bytes.insert(bytes.end(), from, from + sizeof value);
    }
    static bool names_file(uint32_t opcode) {
        return opcode == FUSE_LOOKUP || opcode == FUSE_CREATE || opcode == FUSE_MKNOD || opcode == FUSE_MKDIR || opcode == FUSE_SYMLINK ||
               opcode == FUSE_LINK;
    }
    // What a client that has got this reply must give up.
    void count(const fuse_in_header& request, const Bytes& reply) {
        if (reply.size() < sizeof(fuse_out_header)) return;
        const auto header = first<fuse_out_header>(reply);
        if (header.error != 0 || header.unique != request.unique || header.len > reply.size() || header.len < sizeof header) return;
        const size_t size = header.len - sizeof header;
        const size_t wanted = request.opcode == FUSE_CREATE ? sizeof(fuse_entry_out) + sizeof(fuse_open_out) : sizeof(fuse_entry_out);
        if (names_file(request.opcode)) {
            if (size < wanted) return;
            const uint64_t node = first<fuse_entry_out>(reply, sizeof header).nodeid;
            if (node == 0 || node == FUSE_ROOT_ID) return;
            ++lookups_[node];
            if (request.opcode == FUSE_CREATE) ++opened_[first<fuse_open_out>(reply, sizeof header + sizeof(fuse_entry_out)).fh];
        } else if (request.opcode == FUSE_READDIRPLUS) {
            for (std::span<const uint8_t> left{reply.data() + sizeof header, size}; !left.empty();) {
                auto next = fs::fuse::next_looked_up(left);
                if (!next.ok()) return;
                const uint64_t node = next->found.nodeid;
                if (next->entry.name != "." && next->entry.name != ".." && node != 0 && node != FUSE_ROOT_ID) ++lookups_[node];
            }
        } else if ((request.opcode == FUSE_OPEN || request.opcode == FUSE_OPENDIR) && size >= sizeof(fuse_open_out)) {
            ++opened_[first<fuse_open_out>(reply, sizeof header).fh];
        }
    }
    void forget(uint64_t node, uint64_t count) {
        require(lookups_[node] >= count);
        lookups_[node] -= count;
    }
    void release(uint64_t handle) {
        require(opened_[handle] > 0);
        --opened_[handle];
    }

    Bytes answer(const fuse_in_header& request, const Bytes& arguments, size_t room) {
        const uint8_t kind = input_.byte();
        Bytes reply;
        append(reply, fuse_out_header{sizeof(fuse_out_header), 0, request.unique});
        switch (request.opcode == FUSE_INIT && kind < 0xf0 ? 0 : kind & 15) {
            case 15: broken_ = kind == 0xff; return {};
            case 14: {  // anything
                reply.resize(std::min<size_t>(input_.byte(), room));
                input_.take(reply.data(), reply.size());
                return reply;
            }
            case 13: {  // an error, or what is none
                int32_t error = -int32_t{input_.byte()};
                if (kind & 16) input_.take(reinterpret_cast<uint8_t*>(&error), sizeof error);
                std::memcpy(&reply[offsetof(fuse_out_header, error)], &error, sizeof error);
                return reply;
            }
            default: append_body(request, arguments, reply, room); break;
        }
        reply.resize(std::min(reply.size(), room));
        auto size = static_cast<uint32_t>(reply.size());
        std::memcpy(reply.data(), &size, sizeof size);
        // One byte of it differs.
        if ((kind & 15) == 12) reply[(input_.byte() | input_.byte() << 8) % reply.size()] = input_.byte();
        // Some are missing.
        if ((kind & 15) == 11) reply.resize(input_.byte() % reply.size());
        return reply;
    }
    // The right reply, of fields that the fuzzer likes.
    void append_body(const fuse_in_header& request, const Bytes& arguments, Bytes& reply, size_t room) {
        switch (request.opcode) {
            case FUSE_INIT:
                append(reply, fuse_init_out{.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = 0,
                                            .flags = FUSE_MAX_PAGES | FUSE_DO_READDIRPLUS, .max_background = 0, .congestion_threshold = 0,
                                            .max_write = 65536, .time_gran = 1, .max_pages = 16, .map_alignment = 0, .flags2 = 0, .unused = {}});
                return;
            case FUSE_LOOKUP: append(reply, entry(input_.byte() & 7)); return;
            case FUSE_MKDIR: append(reply, entry(1)); return;
            case FUSE_SYMLINK: append(reply, entry(2)); return;
            case FUSE_MKNOD: append(reply, entry(3)); return;
            case FUSE_LINK: append(reply, entry(input_.byte() & 3)); return;
            case FUSE_CREATE: append(reply, entry(0)); append(reply, fuse_open_out{input_.byte(), 0, 0}); return;
            case FUSE_OPEN:
            case FUSE_OPENDIR: append(reply, fuse_open_out{input_.byte(), 0, 0}); return;
            case FUSE_GETATTR:
            case FUSE_SETATTR: {
                fuse_attr_out out{};
                out.attr = attributes(request.nodeid == FUSE_ROOT_ID ? 1 : input_.byte() & 7);
                append(reply, out);
                return;
            }
            case FUSE_WRITE: append(reply, fuse_write_out{input_.byte() & 1 ? input_.byte() : first<fuse_write_in>(arguments).size, 0}); return;
            case FUSE_COPY_FILE_RANGE: append(reply, fuse_write_out{input_.byte(), 0}); return;
            case FUSE_LSEEK: append(reply, fuse_lseek_out{uint64_t{input_.byte()} << (input_.byte() & 63)}); return;
            case FUSE_STATFS: {
                fuse_statfs_out out{};
                input_.take(reinterpret_cast<uint8_t*>(&out), 20);
                append(reply, out);
                return;
            }
            case FUSE_READDIR:
            case FUSE_READDIRPLUS: entries(reply, room, request.opcode == FUSE_READDIRPLUS); return;
            default: {  // data
                const size_t size = input_.byte() << (input_.byte() & 7);
                const size_t at = reply.size();
                reply.resize(at + size, 'd');
                input_.take(reply.data() + at, std::min<size_t>(size, input_.byte()));
                return;
            }
        }
    }
    fuse_attr attributes(unsigned type) {
        constexpr uint32_t types[8] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR, S_IFREG, S_IFDIR, 0};
        fuse_attr attr{};
        attr.mode = types[type] | 0644;
        attr.size = uint64_t{input_.byte()} << (input_.byte() & 63);
        attr.ino = input_.byte();
        attr.nlink = 1;
        return attr;
    }
    fuse_entry_out entry(unsigned type) {
        fuse_entry_out out{};
        const uint8_t byte = input_.byte();
        out.nodeid = byte & 15;
        out.generation = byte >> 7;
        out.attr_valid = (byte >> 6 & 1) * 10;
        out.entry_valid = (byte >> 5 & 1) * 10;
        out.attr = attributes(type);
        return out;
    }
    // `looked_up`: each behind what is known of it.
    void entries(Bytes& reply, size_t room, bool looked_up) {
        for (unsigned left = input_.byte() & 7; left > 0 && reply.size() < room; --left) {
            const size_t begin = reply.size();
            if (looked_up) append(reply, entry(input_.byte() & 7));
            fuse_dirent fixed{};
            const uint8_t byte = input_.byte();
            std::string name(byte & 31, 'n');
            input_.take(reinterpret_cast<uint8_t*>(name.data()), byte >> 5);
            fixed.ino = input_.byte();
            fixed.off = input_.byte();
            fixed.namelen = fixed.ino == 99 ? input_.byte() << 24 : static_cast<uint32_t>(name.size());
            fixed.type = input_.byte() & 15;
            const auto* const from = reinterpret_cast<const uint8_t*>(&fixed);
            reply.insert(reply.end(), from, from + FUSE_NAME_OFFSET);
            reply.insert(reply.end(), name.begin(), name.end());
            reply.resize(begin + FUSE_DIRENT_ALIGN(reply.size() - begin));
        }
    }

    Input& input_;
    bool broken_ = false;
    std::map<uint64_t, uint64_t> lookups_;
    std::map<uint64_t, int> opened_;
};

}  // namespace

}  // namespace eremite::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    eremite::test::fuzz_file_system<eremite::fs::fuse::FileSystem, eremite::test::Server>(data, size);
    return 0;
}

// A shared folder: ways out of it, and requests of the FUSE protocol that make no sense.
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/stat.h>

#include <utility>

#include "attacks.hpp"
#include "device.hpp"

namespace eremite::hostile {

namespace {

constexpr uint64_t ring_at = play_start + (uint64_t{4} << 20), request_at = play_start + (uint64_t{5} << 20), reply_at = play_start + (uint64_t{6} << 20);
constexpr uint32_t room = 128 << 10;
// How what lies outside of the folder begins.
constexpr std::string_view secret = "the canary sings";

// Numbers that the guest was told, to be used again and mixed.
class Numbers {
public:
    void clear() { count_ = 0; }
    void keep(Random& random, uint64_t number) { list_[count_ < most ? count_++ : random.below(most)] = number; }
    [[nodiscard]] uint64_t any(Random& random, uint64_t otherwise) const { return count_ == 0 ? otherwise : list_[random.below(count_)]; }

private:
    static constexpr size_t most = 32;
    uint64_t list_[most] = {};
    size_t count_ = 0;
};
Numbers nodes, handles;

// The body of a request, as it is written behind its header.
class Body {
public:
    template <typename T>
    void put(const T& value) { put_bytes(reinterpret_cast<const char*>(&value), sizeof value); }  // SAFETY: a structure's bytes
    void put_bytes(const char* from, size_t size) {
        for (size_t i = 0; i < size; ++i) at<char>(request_at + size_++) = from[i];
    }
    void put_text(std::string_view text) {
        put_bytes(text.data(), text.size());
        put_bytes("", 1);
    }
    void put_many(char character, size_t count) {
        for (size_t i = 0; i < count; ++i) put_bytes(&character, 1);
    }
    [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(size_); }

private:
    size_t size_ = sizeof(fuse_in_header);
};

void put_name(Random& random, Body& body, std::string_view outside) {
    constexpr std::string_view names[] = {"a", "b", "c", "d", "e", "up", "far", "host_link", "folder", "fifo", "device", "a", "b", "c", "folder",
                                          "..", ".", "", "/", "../outside", "../outside/canary", "folder/..", "folder/../../outside/canary", "up/canary",
                                          "host_link/canary", "\xff\xfe", "//", "...", "..\n"};
    switch (random.below(32)) {
        case 0: body.put_many('n', 250 + random.below(10)); return body.put_text("");
        case 1: body.put_many('n', 4090 + random.below(10)); return body.put_text("");
        case 2: return body.put_text(outside);
        case 3: return body.put_bytes("../outside", random.below(11));  // without an end
        case 4: return body.put_text(std::string_view{"a\0../outside", 12});
        default: return body.put_text(any_of(random, names));
    }
}

uint64_t any_number(Random& random) {
    constexpr uint64_t edges[] = {0, 0, 0, 1, 4095, 4096, 65536, 1 << 20, 0x7fffffff, 0xffffffff, INT64_MAX, uint64_t{1} << 63, UINT64_MAX};
    return any_of(random, edges);
}

// Small enough not to fill the host's disk, or too large for any.
uint64_t any_size(Random& random) {
    constexpr uint64_t edges[] = {0, 1, 4096, 65536, 1 << 20, INT64_MAX, uint64_t{1} << 63, UINT64_MAX};
    return any_of(random, edges);
}

uint64_t any_node(Random& random) { return random.below(16) == 0 ? any_number(random) : random.below(3) == 0 ? FUSE_ROOT_ID : nodes.any(random, FUSE_ROOT_ID); }
uint64_t any_handle(Random& random) { return random.below(16) == 0 ? any_number(random) : handles.any(random, 1); }

uint32_t any_mode(Random& random) {
    constexpr uint32_t types[] = {S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFDIR, S_IFLNK, 0, 0xf000};
    return any_of(random, types) | static_cast<uint32_t>(random.below(010000));
}

uint32_t any_flags(Random& random) {
    constexpr uint32_t flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_CREAT, O_RDWR | O_TRUNC, O_RDONLY | O_DIRECTORY, O_APPEND | O_WRONLY,
                                  010000000 /* O_PATH */, 020200000 /* O_TMPFILE */, O_NONBLOCK, O_EXCL | O_RDWR};
    return random.below(8) == 0 ? static_cast<uint32_t>(random.next()) & ~uint32_t{O_SYNC | O_DSYNC} : any_of(random, flags);
}

// The structure of an operation with fields filled at random, and its names.
void put_body(Random& random, Body& body, uint32_t opcode, std::string_view outside) {
    const auto value = [&random] { return static_cast<uint32_t>(any_number(random)); };
    switch (opcode) {
        case FUSE_SYMLINK: {
            constexpr std::string_view targets[] = {"..", "../outside", "../outside/canary", "/", "up", "host_link", "/proc/self/root", "/etc/hostname"};
            put_name(random, body, outside);
            return body.put_text(random.below(4) == 0 ? outside : any_of(random, targets));
        }
        case FUSE_LOOKUP:
        case FUSE_UNLINK:
        case FUSE_RMDIR:
        case FUSE_REMOVEXATTR: return put_name(random, body, outside);
        case FUSE_FORGET: return body.put(fuse_forget_in{any_number(random)});
        case FUSE_BATCH_FORGET:
            body.put(fuse_batch_forget_in{value(), 0});
            return body.put(fuse_forget_one{any_node(random), any_number(random)});
        case FUSE_GETATTR: return body.put(fuse_getattr_in{value(), 0, any_handle(random)});
        case FUSE_SETATTR: {
            fuse_setattr_in in{};
            in.valid = static_cast<uint32_t>(random.next()) & (random.below(4) == 0 ? UINT32_MAX : FATTR_MODE | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME);
            in.fh = any_handle(random), in.size = any_size(random), in.mode = any_mode(random);
            in.uid = value(), in.gid = value(), in.atimensec = value(), in.mtime = any_number(random), in.mtimensec = value();
            return body.put(in);
        }
        case FUSE_MKNOD:
            body.put(fuse_mknod_in{any_mode(random), random.below(2) == 0 ? 0x103 : value(), value(), 0});
            return put_name(random, body, outside);
        case FUSE_MKDIR:
            body.put(fuse_mkdir_in{any_mode(random), value()});
            return put_name(random, body, outside);
        case FUSE_RENAME:
        case FUSE_RENAME2:
            if (opcode == FUSE_RENAME) body.put(fuse_rename_in{any_node(random)});
            else body.put(fuse_rename2_in{any_node(random), static_cast<uint32_t>(random.below(9)), 0});
            put_name(random, body, outside);
            return put_name(random, body, outside);
        case FUSE_LINK:
            body.put(fuse_link_in{any_node(random)});
            return put_name(random, body, outside);
        case FUSE_OPEN:
        case FUSE_OPENDIR: return body.put(fuse_open_in{any_flags(random), value()});
        case FUSE_CREATE:
        case FUSE_TMPFILE:
            body.put(fuse_create_in{any_flags(random), any_mode(random), value(), value()});
            return put_name(random, body, outside);
        case FUSE_READ:
        case FUSE_READDIR:
        case FUSE_READDIRPLUS: {
            fuse_read_in in{};
            in.fh = any_handle(random), in.offset = any_number(random), in.size = value();
            return body.put(in);
        }
        case FUSE_WRITE: {
            fuse_write_in in{};
            const auto size = static_cast<uint32_t>(random.below(8192));
            in.fh = any_handle(random), in.offset = any_size(random), in.size = random.below(8) == 0 ? value() : size, in.write_flags = value();
            body.put(in);
            return body.put_many('w', size);
        }
        case FUSE_RELEASE:
        case FUSE_RELEASEDIR: {
            fuse_release_in in{};
            in.fh = any_handle(random);
            return body.put(in);
        }
        case FUSE_SETXATTR:
            body.put(value());
            body.put(static_cast<uint32_t>(random.below(4)));
            body.put_text(random.below(2) == 0 ? "user.a" : "trusted.a");
            return body.put_many('x', random.below(256));
        case FUSE_GETXATTR:
        case FUSE_LISTXATTR:
            body.put(fuse_getxattr_in{value(), 0});
            return body.put_text("user.a");
        case FUSE_FALLOCATE: {
            fuse_fallocate_in in{};
            in.fh = any_handle(random), in.offset = any_size(random), in.length = any_size(random), in.mode = static_cast<uint32_t>(random.below(128));
            return body.put(in);
        }
        case FUSE_LSEEK: {
            fuse_lseek_in in{};
            in.fh = any_handle(random), in.offset = any_number(random), in.whence = static_cast<uint32_t>(random.below(8));
            return body.put(in);
        }
        case FUSE_COPY_FILE_RANGE: {
            fuse_copy_file_range_in in{};
            in.fh_in = any_handle(random), in.fh_out = any_handle(random), in.nodeid_out = any_node(random);
            in.off_in = any_size(random), in.off_out = any_size(random), in.len = any_number(random), in.flags = random.below(4);
            return body.put(in);
        }
        case FUSE_INIT: {
            fuse_init_in in{};
            in.major = random.below(4) == 0 ? value() : FUSE_KERNEL_VERSION;
            in.minor = random.below(4) == 0 ? value() : FUSE_KERNEL_MINOR_VERSION;
            in.flags = static_cast<uint32_t>(random.next());
            return body.put(in);
        }
        default:
            body.put(any_handle(random));
            return body.put(any_number(random));
    }
}

uint32_t any_opcode(Random& random) {
    constexpr uint32_t usual[] = {FUSE_LOOKUP, FUSE_LOOKUP, FUSE_LOOKUP, FUSE_CREATE, FUSE_CREATE, FUSE_OPEN, FUSE_OPEN, FUSE_READ, FUSE_READ, FUSE_WRITE,
                                  FUSE_SYMLINK, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_LINK, FUSE_RENAME, FUSE_RENAME2, FUSE_UNLINK, FUSE_RMDIR,
                                  FUSE_GETATTR, FUSE_SETATTR, FUSE_READLINK, FUSE_OPENDIR, FUSE_READDIR, FUSE_READDIRPLUS, FUSE_RELEASE, FUSE_RELEASEDIR,
                                  FUSE_SETXATTR, FUSE_GETXATTR, FUSE_LISTXATTR, FUSE_REMOVEXATTR, FUSE_STATFS, FUSE_ACCESS, FUSE_FLUSH, FUSE_FORGET,
                                  FUSE_BATCH_FORGET, FUSE_FALLOCATE, FUSE_LSEEK, FUSE_COPY_FILE_RANGE, FUSE_TMPFILE};
    const uint64_t choice = random.below(256);
    if (choice == 0) return FUSE_INIT;
    if (choice == 1) return FUSE_DESTROY;
    if (choice < 8) return static_cast<uint32_t>(any_number(random));
    if (choice < 24) {
        const auto opcode = static_cast<uint32_t>(random.below(80));
        // A disk that works for minutes is no attack on the monitor.
        return opcode == FUSE_FSYNC || opcode == FUSE_SYNCFS || opcode == FUSE_FSYNCDIR ? 0 : opcode;
    }
    return any_of(random, usual);
}

// SAFETY: characters of a reply that is not looked for beyond its end.
bool has_secret(uint32_t length) {
    for (uint64_t i = 0; i + secret.size() <= length; ++i)
        if (at<char>(reply_at + i) == secret[0] && std::string_view{reinterpret_cast<const char*>(reply_at + i), secret.size()} == secret) return true;
    return false;
}

// The numbers that a good answer tells.
void learn(Random& random, uint32_t opcode) {
    if (at<int32_t>(reply_at + offsetof(fuse_out_header, error)) != 0) return;
    constexpr uint64_t body = reply_at + sizeof(fuse_out_header);
    switch (opcode) {
        case FUSE_CREATE:
        case FUSE_TMPFILE: handles.keep(random, at<uint64_t>(body + sizeof(fuse_entry_out))); [[fallthrough]];
        case FUSE_LOOKUP:
        case FUSE_MKNOD:
        case FUSE_MKDIR:
        case FUSE_SYMLINK:
        case FUSE_LINK: return nodes.keep(random, at<uint64_t>(body));
        case FUSE_OPEN:
        case FUSE_OPENDIR: return handles.keep(random, at<uint64_t>(body));
        default: return;
    }
}

enum class Answer : uint8_t {
    Given,
    None,    // the device was reset, or does not work any more
    Secret,  // with what lies outside
};

// Asks, and waits for the answer.
Answer ask(Random& random, Ring& ring, uint32_t opcode, uint64_t node, uint32_t size) {
    fuse_in_header header{};
    header.len = random.below(16) == 0 ? static_cast<uint32_t>(any_number(random)) : size;
    header.opcode = opcode, header.unique = random.next(), header.nodeid = node;
    header.uid = random.below(4) == 0 ? static_cast<uint32_t>(any_number(random)) : 0;
    header.gid = random.below(4) == 0 ? static_cast<uint32_t>(any_number(random)) : 0;
    for (size_t i = 0; i < sizeof header; ++i) at<char>(request_at + i) = reinterpret_cast<const char*>(&header)[i];  // SAFETY: its bytes
    at<uint64_t>(reply_at) = 0;
    const uint32_t reply_room = random.below(16) == 0 ? 1 + static_cast<uint32_t>(random.below(64)) : room;
    const uint32_t cut = random.below(16) == 0 ? 1 + static_cast<uint32_t>(random.below(size)) : size;
    const uint32_t half = 1 + static_cast<uint32_t>(random.below(cut));
    const Segment segments[] = {{request_at, half, false}, {request_at + half, cut - half + 1, false}, {reply_at, reply_room, true}};
    ring.offer(segments);
    if (!ring.wait()) return Answer::None;
    const uint32_t length = ring.last_length();
    if (has_secret(length < room ? length : room)) return Answer::Secret;
    if (length >= sizeof(fuse_out_header)) learn(random, opcode);
    return Answer::Given;
}

void initialize(Random& random, Ring& ring) {
    fuse_init_in in{};
    in.major = FUSE_KERNEL_VERSION, in.minor = FUSE_KERNEL_MINOR_VERSION, in.flags = UINT32_MAX;
    Body body;
    body.put(in);
    // Which may fail, as each request may: by a wrong length, or by the other processor.
    for (int i = 0; i < 8; ++i) {
        if (ask(random, ring, FUSE_INIT, 0, body.size()) == Answer::None) return;
        if (at<int32_t>(reply_at + offsetof(fuse_out_header, error)) == 0) return;
    }
}

void begin(Random& random, const Device& device, Ring& ring) {
    device.reset();
    device.negotiate(UINT64_MAX & ~(uint64_t{1} << VIRTIO_RING_F_EVENT_IDX));
    ring.set_up();
    device.go();
    nodes.clear();
    handles.clear();
    initialize(random, ring);
}

// The first number that the last answer tells; 0: it is an error.
uint64_t told() { return at<int32_t>(reply_at + offsetof(fuse_out_header, error)) != 0 ? 0 : at<uint64_t>(reply_at + sizeof(fuse_out_header)); }

// Asks for something with a structure and a name. False: the answer has what lies outside.
template <typename T>
bool ask_for(Random& random, Ring& ring, uint32_t opcode, uint64_t node, const T& structure, std::string_view name) {
    Body body;
    body.put(structure);
    if (!name.empty()) body.put_text(name);
    return ask(random, ring, opcode, node, body.size()) != Answer::Secret;
}

// Reads a file in all ways that there are to open it.
bool read_out(Random& random, Ring& ring, uint64_t node) {
    fuse_read_in read{};
    read.size = 4096;
    for (const uint32_t flags : {O_RDONLY, O_RDWR, O_RDONLY | O_NONBLOCK, 010000000}) {
        if (!ask_for(random, ring, FUSE_OPEN, node, fuse_open_in{flags, 0}, {})) return false;
        read.fh = told();
        if (read.fh != 0 && !ask_for(random, ring, FUSE_READ, node, read, {})) return false;
    }
    return true;
}

// The straight ways out: links up and away, as folders and as files, by one name or by several, and hard links to links.
bool walk_out(Random& random, Ring& ring, std::string_view outside) {
    for (const auto& [name, target] : {std::pair<std::string_view, std::string_view>{"up", "../outside"}, {"far", outside}}) {
        Body body;
        body.put_text(name);
        body.put_text(target);
        if (ask(random, ring, FUSE_SYMLINK, FUSE_ROOT_ID, body.size()) == Answer::Secret) return false;
    }
    for (const std::string_view name : {std::string_view{"a"}, std::string_view{"up"}, std::string_view{"far"}, std::string_view{"host_link"}, std::string_view{".."},
                                        std::string_view{"../outside/canary"}, std::string_view{"up/canary"}, std::string_view{"host_link/canary"}, outside}) {
        Body body;
        body.put_text(name);
        if (ask(random, ring, FUSE_LOOKUP, FUSE_ROOT_ID, body.size()) == Answer::Secret) return false;
        const uint64_t node = told();
        if (!ask_for(random, ring, FUSE_CREATE, FUSE_ROOT_ID, fuse_create_in{O_RDWR, 0666, 0, 0}, name)) return false;
        if (node == 0) continue;
        if (!read_out(random, ring, node)) return false;
        for (const std::string_view inner : {std::string_view{"canary"}, std::string_view{"../outside/canary"}}) {
            Body inner_body;
            inner_body.put_text(inner);
            if (ask(random, ring, FUSE_LOOKUP, node, inner_body.size()) == Answer::Secret) return false;
            if (const uint64_t found = told(); found != 0 && !read_out(random, ring, found)) return false;
        }
        if (!ask_for(random, ring, FUSE_CREATE, node, fuse_create_in{O_RDWR, 0666, 0, 0}, "evil")) return false;
        if (!ask_for(random, ring, FUSE_LINK, FUSE_ROOT_ID, fuse_link_in{node}, "linked")) return false;
        if (const uint64_t linked = told(); linked != 0 && !read_out(random, ring, linked)) return false;
    }
    return true;
}

}  // namespace

bool attack_files(Random& random, std::string_view outside) {
    for (const Device& device : devices()) {
        if (device.type != VIRTIO_ID_FS) continue;
        constexpr uint32_t request_queue = 1;
        Ring ring{device, request_queue, ring_at};
        begin(random, device, ring);
        if (!walk_out(random, ring, outside)) return false;
        for (int i = 0; i < 200; ++i) {
            const uint32_t opcode = any_opcode(random);
            Body body;
            put_body(random, body, opcode, outside);
            const Answer answer = ask(random, ring, opcode, any_node(random), body.size());
            if (answer == Answer::Secret) return false;
            if (answer == Answer::None) break;
            // Else all that follows is refused at once.
            if (opcode == FUSE_INIT || opcode == FUSE_DESTROY) initialize(random, ring);
        }
    }
    return true;
}

// The request changes while it is looked at: slashes and dots in names, lengths, numbers.
void disturb_files(Random& random) {
    constexpr char characters[] = {'.', '/', '.', 'a', '\0'};
    for (int i = 0; i < 20; ++i) {
        const uint64_t place = request_at + random.below(128);
        // The opcode is what was chosen: not one that has the disk work for long.
        if (place / 4 * 4 == request_at + offsetof(fuse_in_header, opcode)) continue;
        const char before = at<char>(place);
        at<char>(place) = random.below(8) == 0 ? static_cast<char>(random.next()) : any_of(random, characters);
        for (uint64_t pause = random.below(200); pause > 0; --pause) asm volatile("pause");
        at<char>(place) = before;
    }
    for (uint64_t pause = random.below(20000); pause > 0; --pause) asm volatile("pause");
}

}  // namespace eremite::hostile

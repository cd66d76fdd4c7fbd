#pragma once
// The messages of 9P2000.L: intro(5), version(5), attach(5), walk(5) and so on of Plan 9's manual, and what Linux's dialect
// adds (the page "9P2000.L Protocol" of the diod project; Documentation/filesystems/9p.rst). A request is a structure that
// writes its fields; the structure of its reply, named in it, reads them and refuses what cannot be.
#include "base/result.hpp"
#include "libos/fs/ninep/codec.hpp"

namespace eremite::fs::ninep {

// The request's number; its reply has the next one.
enum class Type : uint8_t {
    Error = 6,
    StatFs = 8,
    Open = 12,
    Create = 14,
    MakeSymbolicLink = 16,
    MakeNode = 18,
    ReadLink = 22,
    GetAttributes = 24,
    SetAttributes = 26,
    XattrWalk = 30,
    XattrCreate = 32,
    ReadDirectory = 40,
    Synchronize = 50,
    Lock = 52,
    GetLock = 54,
    Link = 70,
    MakeDirectory = 72,
    Rename = 74,
    Unlink = 76,
    Version = 100,
    Attach = 104,
    Flush = 108,
    Walk = 110,
    Read = 116,
    Write = 118,
    Clunk = 120,
    Remove = 122,
};

inline constexpr std::string_view protocol_name = "9P2000.L";
inline constexpr uint16_t no_tag = 0xffff;
inline constexpr uint32_t no_fid = 0xffffffff;
// In front of the data of Rread, Rreaddir and Twrite.
inline constexpr size_t data_reply_header = header_size + 4;
inline constexpr size_t write_header = header_size + 4 + 8 + 4;
// What a message may have beside its data (the I/O unit is the message size less this).
inline constexpr uint32_t io_header = 24;

struct NoFields {
    void decode(Decoder&) {}
};
struct QidReply {
    Qid qid;
    void decode(Decoder& d) { d(qid); }
};
struct OpenReply {
    Qid qid;
    uint32_t io_unit = 0;  // 0: the server has no opinion
    void decode(Decoder& d) { d(qid, io_unit); }
};

// Has the tag no_tag.
struct Version {
    static constexpr Type type = Type::Version;
    uint32_t message_size;
    std::string_view version = protocol_name;
    void encode(Encoder& e) const { e(message_size, version); }
    struct Reply {
        uint32_t message_size = 0;
        std::string_view version;
        void decode(Decoder& d) { d(message_size, version); }
    };
};

struct Attach {
    static constexpr Type type = Type::Attach;
    uint32_t fid;
    std::string_view user;
    std::string_view tree;
    uint32_t uid;
    void encode(Encoder& e) const { e(fid, no_fid, user, tree, uid); }
    using Reply = QidReply;
};

// Makes `new_fid` the file `name` in the directory `fid`; without a name, another fid of the same file.
struct Walk {
    static constexpr Type type = Type::Walk;
    uint32_t fid;
    uint32_t new_fid;
    std::string_view name;
    void encode(Encoder& e) const {
        e(fid, new_fid, static_cast<uint16_t>(name.empty() ? 0 : 1));
        if (!name.empty()) e(name);
    }
    struct Reply {
        uint16_t count = 0;
        Qid qid;
        void decode(Decoder& d);
    };
};

struct Open {
    static constexpr Type type = Type::Open;
    uint32_t fid;
    uint32_t flags;  // O_*; those of 9P2000.L are those of x86
    void encode(Encoder& e) const { e(fid, flags); }
    using Reply = OpenReply;
};

// Turns `fid`, a directory, into the new open file.
struct Create {
    static constexpr Type type = Type::Create;
    uint32_t fid;
    std::string_view name;
    uint32_t flags;
    uint32_t mode;
    uint32_t gid;
    void encode(Encoder& e) const { e(fid, name, flags, mode, gid); }
    using Reply = OpenReply;
};

struct MakeSymbolicLink {
    static constexpr Type type = Type::MakeSymbolicLink;
    uint32_t directory;
    std::string_view name;
    std::string_view target;
    uint32_t gid;
    void encode(Encoder& e) const { e(directory, name, target, gid); }
    using Reply = QidReply;
};

struct MakeNode {
    static constexpr Type type = Type::MakeNode;
    uint32_t directory;
    std::string_view name;
    uint32_t mode;
    uint32_t major;
    uint32_t minor;
    uint32_t gid;
    void encode(Encoder& e) const { e(directory, name, mode, major, minor, gid); }
    using Reply = QidReply;
};

struct MakeDirectory {
    static constexpr Type type = Type::MakeDirectory;
    uint32_t directory;
    std::string_view name;
    uint32_t mode;
    uint32_t gid;
    void encode(Encoder& e) const { e(directory, name, mode, gid); }
    using Reply = QidReply;
};

struct ReadLink {
    static constexpr Type type = Type::ReadLink;
    uint32_t fid;
    void encode(Encoder& e) const { e(fid); }
    struct Reply {
        std::string_view target;  // 1 to 4095 bytes, none of them zero
        void decode(Decoder& d);
    };
};

struct Time {
    uint64_t seconds = 0;
    uint64_t nanoseconds = 0;
    // Saturates. What a server sends as nanoseconds need not be below a second.
    [[nodiscard]] int64_t since_epoch() const;
    [[nodiscard]] static Time from(int64_t nanoseconds_since_epoch);
};

struct GetAttributes {
    static constexpr Type type = Type::GetAttributes;
    static constexpr uint64_t basic = 0x7ff;
    static constexpr uint64_t birth_time = 0x800;
    uint32_t fid;
    uint64_t mask = basic | birth_time;
    void encode(Encoder& e) const { e(fid, mask); }
    struct Reply {
        uint64_t valid = 0;
        Qid qid;
        uint32_t mode = 0;
        uint32_t uid = 0;
        uint32_t gid = 0;
        uint64_t links = 0;
        uint64_t device_number = 0;
        uint64_t size = 0;  // at most INT64_MAX
        uint64_t block_size = 0;
        uint64_t blocks = 0;
        Time access, modification, change, birth;
        uint64_t generation = 0;
        uint64_t data_version = 0;
        void decode(Decoder& d);
    };
};

struct SetAttributes {
    static constexpr Type type = Type::SetAttributes;
    enum Field : uint32_t {
        Mode = 1, Uid = 2, Gid = 4, Size = 8, AccessTime = 0x10, ModificationTime = 0x20, ChangeTime = 0x40,
        AccessTimeGiven = 0x80, ModificationTimeGiven = 0x100,  // else the server's own time
    };
    uint32_t fid;
    uint32_t valid = 0;
    uint32_t mode = 0;
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint64_t size = 0;
    Time access{}, modification{};
    void encode(Encoder& e) const {
        e(fid, valid, mode, uid, gid, size, access.seconds, access.nanoseconds, modification.seconds, modification.nanoseconds);
    }
    using Reply = NoFields;
};

struct StatFs {
    static constexpr Type type = Type::StatFs;
    uint32_t fid;
    void encode(Encoder& e) const { e(fid); }
    struct Reply {
        uint32_t magic = 0;
        uint32_t block_size = 0;
        uint64_t blocks = 0;
        uint64_t free_blocks = 0;
        uint64_t available_blocks = 0;
        uint64_t files = 0;
        uint64_t free_files = 0;
        uint64_t identifier = 0;
        uint32_t name_length = 0;
        void decode(Decoder& d) {
            d(magic, block_size, blocks, free_blocks, available_blocks, files, free_files, identifier, name_length);
        }
    };
};

// Makes `new_fid` the value of an attribute, to be read, or without a name the list of their names.
struct XattrWalk {
    static constexpr Type type = Type::XattrWalk;
    uint32_t fid;
    uint32_t new_fid;
    std::string_view name;
    void encode(Encoder& e) const { e(fid, new_fid, name); }
    struct Reply {
        uint64_t size = 0;
        void decode(Decoder& d) { d(size); }
    };
};

// Turns `fid` into the attribute's value, to be written; it is set when the fid is clunked. Nothing written: it is removed.
struct XattrCreate {
    static constexpr Type type = Type::XattrCreate;
    uint32_t fid;
    std::string_view name;
    uint64_t size;
    uint32_t flags;  // XATTR_CREATE, XATTR_REPLACE
    void encode(Encoder& e) const { e(fid, name, size, flags); }
    using Reply = NoFields;
};

// The reply's data are entries, see next_entry().
struct ReadDirectory {
    static constexpr Type type = Type::ReadDirectory;
    uint32_t fid;
    uint64_t offset;
    uint32_t count;
    void encode(Encoder& e) const { e(fid, offset, count); }
};

struct Synchronize {
    static constexpr Type type = Type::Synchronize;
    uint32_t fid;
    uint32_t data_only;
    void encode(Encoder& e) const { e(fid, data_only); }
    using Reply = NoFields;
};

struct LockRange {
    static constexpr uint8_t read = 0, write = 1, none = 2;
    uint8_t type = none;
    uint64_t start = 0;
    uint64_t length = 0;  // 0: to the end
    uint32_t process = 0;
};

struct Lock {
    static constexpr Type type = Type::Lock;
    static constexpr uint32_t block = 1;
    enum Status : uint8_t { Success = 0, Blocked = 1, Failed = 2, Grace = 3 };
    uint32_t fid;
    LockRange range;
    uint32_t flags;
    std::string_view client;
    void encode(Encoder& e) const { e(fid, range.type, flags, range.start, range.length, range.process, client); }
    struct Reply {
        uint8_t status = Failed;
        void decode(Decoder& d);
    };
};

struct GetLock {
    static constexpr Type type = Type::GetLock;
    uint32_t fid;
    LockRange range;
    std::string_view client;
    void encode(Encoder& e) const { e(fid, range.type, range.start, range.length, range.process, client); }
    // The lock that is in the way; of type `none` when nothing is.
    struct Reply {
        LockRange range;
        std::string_view client;
        void decode(Decoder& d);
    };
};

struct Link {
    static constexpr Type type = Type::Link;
    uint32_t directory;
    uint32_t fid;
    std::string_view name;
    void encode(Encoder& e) const { e(directory, fid, name); }
    using Reply = NoFields;
};

struct Rename {
    static constexpr Type type = Type::Rename;
    uint32_t from_directory;
    std::string_view from;
    uint32_t to_directory;
    std::string_view to;
    void encode(Encoder& e) const { e(from_directory, from, to_directory, to); }
    using Reply = NoFields;
};

struct Unlink {
    static constexpr Type type = Type::Unlink;
    static constexpr uint32_t remove_directory = 0x200;
    uint32_t directory;
    std::string_view name;
    uint32_t flags;
    void encode(Encoder& e) const { e(directory, name, flags); }
    using Reply = NoFields;
};

struct Flush {
    static constexpr Type type = Type::Flush;
    uint16_t tag;
    void encode(Encoder& e) const { e(tag); }
    using Reply = NoFields;
};

struct Read {
    static constexpr Type type = Type::Read;
    uint32_t fid;
    uint64_t offset;
    uint32_t count;
    void encode(Encoder& e) const { e(fid, offset, count); }
};

// The data follow.
struct Write {
    static constexpr Type type = Type::Write;
    uint32_t fid;
    uint64_t offset;
    uint32_t count;
    void encode(Encoder& e) const { e(fid, offset, count); }
    struct Reply {
        uint32_t count = 0;
        void decode(Decoder& d) { d(count); }
    };
};

// The fid is free afterwards, whatever the reply says.
struct Clunk {
    static constexpr Type type = Type::Clunk;
    uint32_t fid;
    void encode(Encoder& e) const { e(fid); }
    using Reply = NoFields;
};

// The same, and removes the file.
struct Remove {
    static constexpr Type type = Type::Remove;
    uint32_t fid;
    void encode(Encoder& e) const { e(fid); }
    using Reply = NoFields;
};

struct DirectoryEntry {
    Qid qid;
    uint64_t next = 0;  // where a listing goes on behind this one
    uint8_t type = 0;   // DT_*
    std::string_view name;
};
// Takes the next entry off the data of Rreaddir. ENOENT: the end; EIO: what is there is no entry, or its name cannot be one.
[[nodiscard]] Result<DirectoryEntry> next_entry(std::span<const uint8_t>& data);

// A request whose type is forgotten, so that the code that sends it exists once.
class AnyRequest {
public:
    template <typename Request>
    explicit AnyRequest(const Request& request)
        : type_{Request::type}, request_{&request}, encode_{[](const void* r, Encoder& e) { static_cast<const Request*>(r)->encode(e); }} {}
    [[nodiscard]] Type type() const { return type_; }
    // Writes it. Returns its bytes; `data_size` more follow. EMSGSIZE: it does not fit.
    [[nodiscard]] Result<size_t> encode(std::span<uint8_t> buffer, uint16_t tag, size_t data_size = 0) const;

private:
    Type type_;
    const void* request_;
    void (*encode_)(const void* request, Encoder& e);
};

// Checks what stands in front of a reply's fields. `written`: bytes that the server wrote in all, of which `bytes` are the
// first. The fields are what of the message is in `bytes`. The errno that an Rlerror tells; EIO: not a reply to that request.
[[nodiscard]] Result<std::span<const uint8_t>> check_reply(std::span<const uint8_t> bytes, size_t written, Type request, uint16_t tag);

// The errno in an Rlerror, EIO where that is none that a program may see.
[[nodiscard]] int errno_of(uint32_t code);

}  // namespace eremite::fs::ninep

#pragma once
// What all inodes of a server's files have in common: the file's identity, the name that led to it last, what is remembered of its
// attributes, and what is open.
#include "base/list.hpp"
#include "base/time.hpp"
#include "base/vector.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/remote/file_system.hpp"
#include "libos/fs/remote/handle.hpp"

namespace eremite::fs {
class FileCache;
}

namespace eremite::fs::remote {

class OpenFile;

class Node : public Inode, public TreeNode<ByIdentity>, public CachedName<Node> {
public:
    Node(FileSystem& file_system, FileType type, const Identity& identity) : Inode{type}, file_system_{file_system}, identity_{identity} {}
    ~Node() override;

    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] fs::FileSystem& file_system() const override { return file_system_; }
    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;
    [[nodiscard]] Result<void> synchronize(bool data_only) override;
    [[nodiscard]] Result<void> list(uint64_t& cursor, DirectorySink& sink) override;
    [[nodiscard]] Ref<Inode> parent() override;
    size_t name(std::span<char> buffer) const override;
    [[nodiscard]] bool unlinked() const override;

    [[nodiscard]] FileSystem& owner() const { return file_system_; }
    [[nodiscard]] const Identity& identity() const { return identity_; }

    // Of a regular file, through a handle. `append`: the server was told to append to this one.
    [[nodiscard]] virtual Result<size_t> read_by(Handle&, uint64_t& /*position*/, IoBuffer&) { return Error{EISDIR}; }
    [[nodiscard]] virtual Result<size_t> write_by(Handle&, uint64_t& /*position*/, IoBuffer&, bool /*append*/) { return Error{EISDIR}; }
    // The cached pages of a regular file; null: they are not.
    [[nodiscard]] virtual FileCache* cache() { return nullptr; }
    // What a file is opened with at the server, for a program that wants `flags`. Where pages are cached, those of which a part is written
    // have to be read, and what is appended is written where the cache knows the end.
    [[nodiscard]] static uint32_t handle_flags(const FileSystem& file_system, uint32_t flags);
    // Asks the server to open the file. `flags`: O_*.
    [[nodiscard]] virtual Result<Ref<Handle>> open_handle(uint32_t flags) = 0;
    // A handle for reading or writing: of an open file, else one that is kept.
    [[nodiscard]] Result<Ref<Handle>> data_handle(bool for_writing);
    // Whether the server does not tell the size of the file any more, because it has no name.
    [[nodiscard]] virtual bool detached() const { return false; }

    struct Entry {
        std::string_view name;
        uint64_t inode;
        FileType type;  // Anonymous, which shows as DT_UNKNOWN: not known
        uint64_t next;
    };
    // Takes the next entry off what Handle::read_directory() gave. EIO: what is there is none.
    [[nodiscard]] virtual Result<Entry> next_entry(std::span<const uint8_t>& /*data*/) { return Error{ENOTDIR}; }
    // Gives entries to a sink, and moves `data` and `cursor` on. False: the sink is full. EIO.
    [[nodiscard]] Result<bool> give_entries(std::span<const uint8_t>& data, uint64_t& cursor, DirectorySink& sink);

    // What the server told is remembered for so long. Requires the lock.
    void remember(const Attributes& attributes, Duration valid);
    // What is remembered is not so any more.
    void changed();
    // The same where something was written, up to `end`.
    virtual void written(uint64_t /*end*/) { changed(); }

protected:
    friend class OpenFile;

    void dispose() const override;

    struct Fetched {
        Attributes attributes;
        Duration valid;
    };
    [[nodiscard]] virtual Result<Fetched> fetch_attributes() = 0;
    // The size as the server has it.
    virtual void note_size(uint64_t) {}
    [[nodiscard]] bool has_open_files() const { return !open_files_.empty(); }
    // Whether one of them may be written to, but only at the end. Requires the lock.
    [[nodiscard]] bool appended_to() const;
    // A handle of any open file. Requires the lock.
    [[nodiscard]] Ref<Handle> any_handle() const;

    // What a look-up found, on its way to becoming an inode.
    class Found {
    public:
        Found(const Identity& identity, FileType type) : identity{identity}, type{type} {}
        Identity identity;
        FileType type;
        std::optional<Fetched> fetched;
        Duration name_valid{};  // for how long the server vouches for the name
        uint64_t changes = 0;  // the file system's before the server was asked for `fetched`
        // Makes an inode for it.
        [[nodiscard]] virtual Result<Ref<Node>> make() = 0;
        // The inode takes what came with the look-up. `moved`: it has a new name now. Called with the lock.
        virtual void settle(Node& node, bool moved) = 0;

    protected:
        ~Found() = default;
    };
    // The inode of a file that has this name in this directory now, made if there is none. Null: names changed since `generation`.
    [[nodiscard]] Result<Ref<Node>> adopt(std::string_view name, Found& found, std::optional<uint64_t> generation = {});
    // Of the names in this directory, those whose inodes there are. Requires the lock.
    [[nodiscard]] Ref<Node> child(std::string_view name);
    // The same for a name that the server vouches for. Takes the lock.
    [[nodiscard]] Ref<Node> vouched_child(std::string_view name);
    // Gives a node a name here; requires the lock. What is let go comes back in `name`; the directory in the result.
    [[nodiscard]] Ref<Node> place(Node& node, String& name, bool& moved);
    // The same after a rename. A server may move a directory to where it is above this one as we know it: its name is unknown then.
    [[nodiscard]] Ref<Node> place_moved(Node& node, String& name);
    // Whether this is the directory or one below it. Requires the lock.
    [[nodiscard]] bool is_below(const Node& ancestor) const;
    // The name that led here has gone. Requires the lock and a reference.
    void lose_name();
    static void lose_name_of(Node& child) { child.lose_name(); }
    // The server knows better than we do what this name leads to.
    static void doubt_name_of(const Ref<Node>& child);

    FileSystem& file_system_;

    // All that follows is guarded by the file system's lock.
    Attributes known_;
    Instant fresh_until_{};  // what is known
    uint64_t known_at_ = 0;  // the file system's count of changes then
    uint32_t changes_ = 0;   // so that an answer that a change of ours has overtaken is not remembered
    Ref<Node> parent_;       // the directory in which it was found
    String name_;
    bool unlinked_ = false;
    sched::Mutex names_;  // of a directory: held by those who change names

private:
    Ref<Node> forget();
    [[nodiscard]] Ref<Handle> shared_handle(uint32_t flags);
    struct Opened {
        Ref<Handle> handle;
        uint32_t flags;
    };
    [[nodiscard]] Result<Opened> open_at_server(uint32_t flags);

    const Identity identity_;
    Ref<Handle> kept_open_[2];  // for reading, for writing
    List<OpenFile> open_files_;

    friend NameCache<Node>;
    Instant vouched_until_{};  // of the name that led here
};

// Two mutexes in the order of their addresses.
class BothGuard {
public:
    BothGuard(sched::Mutex& a, sched::Mutex& b) : first_{&a < &b ? &a : &b}, second_{&a < &b ? &b : &a} {
        first_->lock();
        if (second_ != first_) second_->lock();
    }
    BothGuard(const BothGuard&) = delete;
    BothGuard& operator=(const BothGuard&) = delete;
    ~BothGuard() {
        if (second_ != first_) second_->unlock();
        first_->unlock();
    }

private:
    sched::Mutex* first_;
    sched::Mutex* second_;
};

}  // namespace eremite::fs::remote

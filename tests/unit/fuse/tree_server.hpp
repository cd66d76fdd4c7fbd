#pragma once
// A FUSE server for files in memory, for tests. It speaks as virtiofsd does: a file has a number from the first look-up until it was
// forgotten as often as it was looked up, and then another one. It is strict: what a client must not do is noted.
#include <linux/fuse.h>

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "tree.hpp"

namespace eremite::test {

using Bytes = std::vector<uint8_t>;

class TreeServer {
public:
    // The reply to a request; empty: none. May be called by several threads; answers one after the other.
    Bytes answer(const Bytes& request);

    Tree tree;
    // What FUSE_INIT tells.
    fuse_init_out terms{.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = 1 << 20,
                        .flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DONT_MASK | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES,
                        .max_background = 0, .congestion_threshold = 0, .max_write = 1 << 20, .time_gran = 1, .max_pages = 256,
                        .map_alignment = 0, .flags2 = 0, .unused = {}};
    // For how long names and attributes may be believed, in seconds.
    uint64_t entry_valid = 0, attributes_valid = 0;
    // Requests that fail, by opcode, with an errno.
    std::map<uint32_t, int> errors;
    // The most that one write takes; the room that writes may still take.
    uint32_t largest_write = UINT32_MAX;
    uint64_t room = UINT64_MAX;
    // Changes replies before they go out, or takes their place.
    std::function<void(const fuse_in_header& request, Bytes& reply)> tamper;

    // Requests of each kind so far.
    std::map<uint32_t, int> counts;
    // Files besides the root, and open ones, that the client has to give up.
    [[nodiscard]] size_t known_files();
    [[nodiscard]] size_t open_files();
    // What the client did that it must not.
    [[nodiscard]] std::vector<std::string> violations();

private:
    struct Known {
        TreeFilePointer file;
        uint64_t lookups = 0;
    };
    struct Handle {
        TreeFilePointer file;
        uint32_t flags;
        bool directory;
        std::vector<std::pair<std::string, TreeFilePointer>> entries;  // as they were at the start of a listing
    };
    class Reader;
    class Writer;

    void dispatch(const fuse_in_header& header, Reader& r, Writer& w);
    bool on_names(const fuse_in_header& header, Reader& r, Writer& w);
    bool on_new_names(const fuse_in_header& header, Reader& r, Writer& w);
    bool on_attributes(const fuse_in_header& header, Reader& r, Writer& w);
    bool on_extended_attributes(const fuse_in_header& header, Reader& r, Writer& w);
    bool on_handles(const fuse_in_header& header, Reader& r, Writer& w);
    bool on_data(const fuse_in_header& header, Reader& r, Writer& w);
    void list(uint64_t node, const fuse_read_in& in, bool plus, Writer& w);
    void change(TreeFile& file, const fuse_setattr_in& in);
    void violate(const std::string& what) { violations_.push_back(what); }
    const TreeFilePointer& file(uint64_t node);
    Handle& handle(uint64_t number, uint64_t node);
    uint64_t open_handle(const TreeFilePointer& file, uint32_t flags, bool directory);
    [[nodiscard]] fuse_attr attributes(const TreeFile& file) const;
    // Counts a look-up.
    fuse_entry_out entry(const TreeFilePointer& file);
    void forget(uint64_t node, uint64_t count);

    std::mutex mutex_;
    bool started_ = false;
    uint64_t last_unique_ = 0;
    uint64_t last_node_ = FUSE_ROOT_ID;
    uint64_t last_handle_ = 100;
    std::map<uint64_t, Known> known_{{FUSE_ROOT_ID, {tree.root(), 1}}};
    std::map<const TreeFile*, uint64_t> nodes_{{tree.root().get(), FUSE_ROOT_ID}};
    std::map<uint64_t, Handle> handles_;
    std::vector<std::string> violations_;
};

}  // namespace eremite::test

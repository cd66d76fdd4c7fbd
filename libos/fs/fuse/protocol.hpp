#pragma once
// Messages of the FUSE protocol (linux/fuse.h): a header, a structure, names that each end with a zero, and data.
#include <linux/fuse.h>

#include <array>
#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/result.hpp"

namespace eremite::fs::fuse {

template <typename T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] std::span<const uint8_t> bytes_of(const T& object) {
    // SAFETY: the bytes of a trivially copyable object may be read as such.
    return {reinterpret_cast<const uint8_t*>(&object), sizeof object};
}

// Refers to what it was made of.
class Request {
public:
    Request(fuse_opcode opcode, uint64_t node, std::string_view name = {}, std::string_view second = {})
        : opcode_{opcode}, node_{node}, names_{name, second} {}
    template <typename Arguments>
        requires(std::is_class_v<Arguments> && !std::is_convertible_v<Arguments, std::string_view> &&
                 !std::is_convertible_v<Arguments, std::span<const uint8_t>>)
    Request(fuse_opcode opcode, uint64_t node, const Arguments& arguments, std::string_view name = {}, std::string_view second = {})
        : opcode_{opcode}, node_{node}, arguments_{bytes_of(arguments)}, names_{name, second} {}

    Request(fuse_opcode opcode, uint64_t node, std::span<const uint8_t> arguments) : opcode_{opcode}, node_{node}, arguments_{arguments} {}

    [[nodiscard]] fuse_opcode opcode() const { return opcode_; }
    // Writes it. Returns its bytes; `data_size` more follow. EMSGSIZE: it does not fit.
    [[nodiscard]] Result<size_t> encode(std::span<uint8_t> buffer, uint64_t unique, size_t data_size) const;

private:
    fuse_opcode opcode_;
    uint64_t node_;
    std::span<const uint8_t> arguments_;
    std::array<std::string_view, 2> names_;
};

struct Reply {
    std::span<const uint8_t> structure;
    size_t size;  // of structure and data
};
// Checks what stands in front of a reply. `written`: bytes that the server wrote in all, of which `bytes` are the first, up to the
// end of the structure. The errno that the server tells; EIO: not a reply to that request.
[[nodiscard]] Result<Reply> check_reply(std::span<const uint8_t> bytes, size_t written, uint64_t unique);

// An entry of a directory, at the beginning of what was read of it.
struct DirectoryEntry {
    uint64_t inode;
    uint64_t next;  // where a listing goes on behind this one
    uint32_t type;  // DT_*
    std::string_view name;
};
// Takes it off. EIO: what is there is no entry, or its name cannot be one.
[[nodiscard]] Result<DirectoryEntry> next_entry(std::span<const uint8_t>& data);

// The same for an entry that the server has looked up (FUSE_READDIRPLUS).
struct LookedUp {
    fuse_entry_out found;
    DirectoryEntry entry;
};
[[nodiscard]] Result<LookedUp> next_looked_up(std::span<const uint8_t>& data);

}  // namespace eremite::fs::fuse

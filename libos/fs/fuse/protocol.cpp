#include "libos/fs/fuse/protocol.hpp"

#include <cstddef>

#include "libos/fs/remote/values.hpp"

namespace eremite::fs::fuse {

Result<size_t> Request::encode(std::span<uint8_t> buffer, uint64_t unique, size_t data_size) const {
    size_t size = sizeof(fuse_in_header) + arguments_.size();
    for (const std::string_view name : names_) size += name.empty() ? 0 : name.size() + 1;
    if (size > buffer.size()) return Error{EMSGSIZE};
    fuse_in_header header{};
    header.len = static_cast<uint32_t>(size + data_size);
    header.opcode = opcode_;
    header.unique = unique;
    header.nodeid = node_;
    uint8_t* to = buffer.data();
    std::memcpy(to, &header, sizeof header);
    to += sizeof header;
    if (!arguments_.empty()) std::memcpy(to, arguments_.data(), arguments_.size());
    to += arguments_.size();
    for (const std::string_view name : names_) {
        if (name.empty()) continue;
        std::memcpy(to, name.data(), name.size());
        to += name.size();
        *to++ = 0;
    }
    return size;
}

Result<Reply> check_reply(std::span<const uint8_t> bytes, size_t written, uint64_t unique) {
    fuse_out_header header{};
    if (bytes.size() < sizeof header) return Error{EIO};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.unique != unique || header.len < sizeof header || header.len > written) return Error{EIO};
    // Beyond stand numbers that only kernels use among themselves.
    if (header.error != 0) return Error{header.error < 0 && header.error >= -EHWPOISON ? -header.error : EIO};
    return Reply{bytes.subspan(sizeof header), header.len - sizeof header};
}

Result<DirectoryEntry> next_entry(std::span<const uint8_t>& data) {
    fuse_dirent entry{};
    constexpr size_t fixed = offsetof(fuse_dirent, name);
    if (data.size() < fixed) return Error{EIO};
    std::memcpy(&entry, data.data(), fixed);
    if (entry.namelen > data.size() - fixed) return Error{EIO};
    // SAFETY: the entry's bytes are looked at as characters.
    const std::string_view name{reinterpret_cast<const char*>(data.data() + fixed), entry.namelen};
    if (!remote::is_name(name)) return Error{EIO};
    // The last one may lack its padding.
    data = data.subspan(std::min<size_t>(FUSE_DIRENT_ALIGN(fixed + entry.namelen), data.size()));
    return DirectoryEntry{entry.ino, entry.off, entry.type, name};
}

Result<LookedUp> next_looked_up(std::span<const uint8_t>& data) {
    fuse_entry_out found{};
    if (data.size() < sizeof found) return Error{EIO};
    std::memcpy(&found, data.data(), sizeof found);
    data = data.subspan(sizeof found);
    return LookedUp{found, TRY(next_entry(data))};
}

}  // namespace eremite::fs::fuse

#include "vmm/fs/message.hpp"

#include <cerrno>
#include <string_view>

#include "vmm/virtio/device.hpp"

namespace eremite::vmm::fs {

void slice(std::span<const iovec> pieces, size_t skip, size_t size, std::vector<iovec>& part) {
    part.clear();
    for (const iovec& piece : pieces) {
        if (size == 0) return;
        if (skip >= piece.iov_len) {
            skip -= piece.iov_len;
            continue;
        }
        const size_t count = std::min(piece.iov_len - skip, size);
        part.push_back({.iov_base = static_cast<std::byte*>(piece.iov_base) + skip, .iov_len = count});
        size -= count;
        skip = 0;
    }
}

Result<const char*> Request::text() {
    // SAFETY: bytes as characters; the zero that is looked for is among them.
    const auto* const first = reinterpret_cast<const char*>(rest_.data());
    const size_t length = ::strnlen(first, rest_.size());
    if (length == rest_.size()) return Error{EINVAL};
    rest_ = rest_.subspan(length + 1);
    return first;
}

Result<const char*> Request::name() {
    const char* const text = TRY(this->text());
    const std::string_view name{text};
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos) return Error{EINVAL};
    return text;
}

Result<std::span<const std::byte>> Request::bytes(size_t size) {
    if (size > rest_.size()) return Error{EINVAL};
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
}

Result<void> Request::data(size_t size, std::vector<iovec>& part) const {
    if (size > data_bytes_) return Error{EINVAL};
    slice(pieces_, header_.len - data_bytes_, size, part);
    return {};
}

void Reply::put_bytes(std::span<const std::byte> bytes) { size_ += virtio::copy_to(pieces_, sizeof(fuse_out_header) + size_, bytes); }

uint32_t Reply::finish(uint64_t unique, int error) {
    if (error != 0) size_ = 0;
    const fuse_out_header header{.len = static_cast<uint32_t>(sizeof header + size_), .error = -error, .unique = unique};
    virtio::copy_to(pieces_, 0, std::as_bytes(std::span{&header, 1}));
    return header.len;
}

}  // namespace eremite::vmm::fs

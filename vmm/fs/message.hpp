#pragma once
// Messages of the FUSE protocol (linux/fuse.h) as they lie in the guest's memory: a request, of which all but data to be written is copied before
// it is looked at, and the room for its reply.
#include <linux/fuse.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "vmm/fs/result.hpp"

namespace eremite::vmm::fs {

// The most that one request reads or writes, as FUSE_INIT tells.
inline constexpr uint32_t most_data = 1 << 20;

// The part of `pieces` that begins at `skip` and has `size` bytes, or less if they end before. `part` is overwritten.
void slice(std::span<const iovec> pieces, size_t skip, size_t size, std::vector<iovec>& part);

class Request {
public:
    // `body`: a copy of what follows the header, data to be written excepted, which are the last `data_bytes` of the request.
    Request(const fuse_in_header& header, std::span<const std::byte> body, std::span<const iovec> pieces, size_t data_bytes)
        : header_{header}, rest_{body}, pieces_{pieces}, data_bytes_{data_bytes} {}

    [[nodiscard]] uint64_t node() const { return header_.nodeid; }
    // The guest's user and group that ask.
    [[nodiscard]] uint32_t user() const { return header_.uid; }
    [[nodiscard]] uint32_t group() const { return header_.gid; }

    // The structure that comes next. Where the request ends before, as those of older clients do, it has zeros.
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] T take() {
        T value{};
        const size_t size = std::min(sizeof value, rest_.size());
        std::memcpy(&value, rest_.data(), size);
        rest_ = rest_.subspan(size);
        return value;
    }
    // The text that comes next, without the zero at its end. EINVAL: there is no such end.
    [[nodiscard]] Result<const char*> text();
    // The same for the name of a file in a folder. EINVAL: no file is called so, or it leads elsewhere ("", ".", "..", or with a '/').
    [[nodiscard]] Result<const char*> name();
    // So many bytes. EINVAL: there are less.
    [[nodiscard]] Result<std::span<const std::byte>> bytes(size_t size);
    // What is left of the copy.
    [[nodiscard]] size_t left() const { return rest_.size(); }
    // Data to be written, where the guest has them; `part` holds the pieces. EINVAL: there are less.
    [[nodiscard]] Result<void> data(size_t size, std::vector<iovec>& part) const;

private:
    fuse_in_header header_;
    std::span<const std::byte> rest_;
    std::span<const iovec> pieces_;
    size_t data_bytes_;
};

class Reply {
public:
    // Requires: `pieces` hold `bytes` bytes, at least those of a header.
    Reply(std::span<const iovec> pieces, size_t bytes) : pieces_{pieces}, room_{bytes - sizeof(fuse_out_header)} {}

    // How many bytes can still be put.
    [[nodiscard]] size_t room() const { return room_ - size_; }
    // Requires: they find room.
    void put_bytes(std::span<const std::byte> bytes);
    // The same for a structure of the protocol, which is an aggregate of numbers: neither padding nor pointers go to the guest.
    template <typename T>
        requires std::is_aggregate_v<T>
    void put(const T& value) {
        static_assert(std::has_unique_object_representations_v<T>);
        put_bytes(std::as_bytes(std::span{&value, 1}));
    }
    // The room for the next `size` bytes, as far as there is some, to be filled by the kernel.
    void room_for(size_t size, std::vector<iovec>& part) const { slice(pieces_, sizeof(fuse_out_header) + size_, std::min(size, room()), part); }
    // So many were.
    void filled(size_t size) { size_ += size; }

    // Writes the header; with an error (an errno, or 0) nothing else counts. Returns the reply's size.
    uint32_t finish(uint64_t unique, int error);

private:
    std::span<const iovec> pieces_;
    size_t room_;
    size_t size_ = 0;
};

}  // namespace eremite::vmm::fs

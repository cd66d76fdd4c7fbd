#include "libos/fs/remote/cached.hpp"

#include <algorithm>
#include <array>

#include "libos/fs/remote/channel.hpp"

namespace eremite::fs::remote {

namespace {

using Segments = std::array<Segment, Exchange::most_data_segments>;

// The first pieces of frames whose bytes from `skip` on are wanted, up to `length` bytes and what one request takes. Frames that are
// neighbours make one piece.
std::span<const Segment> next_pieces(const FileSystem& file_system, std::span<const PhysicalAddress> frames, size_t skip, size_t length, Segments& room) {
    size_t count = 0, size = 0;
    length = std::min<size_t>(length, file_system.io_unit());
    for (size_t i = skip / page_size; size < length; ++i) {
        const size_t in_page = size == 0 ? skip % page_size : 0;
        const size_t piece = std::min(page_size - in_page, length - size);
        uint8_t* const bytes = direct_map(frames[i]).as<uint8_t>() + in_page;
        if (count != 0 && room[count - 1].data() + room[count - 1].size() == bytes) {
            room[count - 1] = {room[count - 1].data(), room[count - 1].size() + piece};
        } else {
            if (count == file_system.most_segments()) break;
            room[count++] = {bytes, piece};
        }
        size += piece;
    }
    return std::span{room}.first(count);
}

}  // namespace

Result<size_t> read_frames(const FileSystem& file_system, Handle& handle, uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) {
    Segments room;
    size_t done = 0;
    while (done < length) {
        const size_t got = TRY(handle.read(offset + done, next_pieces(file_system, frames, done, length - done, room)));
        if (got == 0) break;
        done += got;
    }
    return done;
}

Result<void> write_frames(const FileSystem& file_system, Handle& handle, uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) {
    Segments room;
    size_t done = 0;
    while (done < length) {
        const size_t put = TRY(handle.write(offset + done, next_pieces(file_system, frames, done, length - done, room)));
        if (put == 0) return Error{EIO};
        done += put;
    }
    return {};
}

uint64_t version_of(const Attributes& attributes) {
    constexpr uint64_t odd = 0x9e3779b97f4a7c15;
    return (static_cast<uint64_t>(attributes.modification_time) * odd) ^ static_cast<uint64_t>(attributes.change_time);
}

}  // namespace eremite::fs::remote

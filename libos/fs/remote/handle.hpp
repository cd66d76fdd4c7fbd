#pragma once
// A file that a server has opened for us. Given up when the last reference goes, which does not wait for the server.
#include "base/ref.hpp"
#include "libos/fs/remote/transport.hpp"

namespace eremite::fs::remote {

class Handle : public RefCounted {
public:
    // Transfers between the file and memory in the direct map, at most the file system's io_unit() bytes and
    // Exchange::most_data_segments segments.
    [[nodiscard]] virtual Result<size_t> read(uint64_t offset, std::span<const Segment> into) = 0;
    [[nodiscard]] virtual Result<size_t> write(uint64_t offset, std::span<const Segment> from) = 0;
    // Entries of a directory, for Node::next_entry(). Returns their bytes.
    [[nodiscard]] virtual Result<size_t> read_directory(uint64_t cursor, Segment into) = 0;
    [[nodiscard]] virtual Result<void> synchronize(bool data_only) = 0;
    // A descriptor of the file was closed.
    [[nodiscard]] virtual Result<void> flush() { return {}; }
};

}  // namespace eremite::fs::remote

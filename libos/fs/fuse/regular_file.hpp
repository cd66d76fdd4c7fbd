#pragma once
// A regular file of a FUSE server.
#include "libos/fs/fuse/node.hpp"
#include "libos/fs/remote/cached.hpp"

namespace eremite::fs::fuse {

// As the server has it.
class StoredFile : public Node {
public:
    StoredFile(FileSystem& file_system, const remote::Identity& identity, Ref<NodeId> id)
        : Node{file_system, FileType::Regular, identity, std::move(id)} {}

    [[nodiscard]] Result<void> allocate(AllocateMode mode, uint64_t offset, uint64_t length, bool keep_size) override;
    [[nodiscard]] Result<uint64_t> seek_data(uint64_t offset, bool hole) override;
    [[nodiscard]] Result<size_t> copy_range(uint64_t from, Inode& to, uint64_t at, size_t count) override;
    [[nodiscard]] Result<size_t> read_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer) override {
        return contents_.read(handle, position, buffer);
    }
    [[nodiscard]] Result<size_t> write_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer, bool append) override {
        return contents_.write(handle, position, buffer, append);
    }

protected:
    void note_size(uint64_t size) override { contents_.note_size(size); }

    // For remote::Cached. Makes the file longer or shorter.
    [[nodiscard]] Result<void> resize(uint64_t size);
    // Bytes of the server's that count, at most.
    [[nodiscard]] static uint64_t end_of_stored() { return UINT64_MAX; }
    // Before and after bytes are written from an offset on, or up to `end`.
    [[nodiscard]] static Result<void> prepare_store(remote::Handle&, uint64_t) { return {}; }
    void stored(uint64_t end) { contents_.note_write(end); }

private:
    // The number of a handle, as requests carry it.
    [[nodiscard]] static uint64_t number_of(const Ref<remote::Handle>& handle) { return static_cast<OpenHandle&>(*handle).number(); }
    // What is cached goes to the server, which works on the file by itself then.
    [[nodiscard]] Result<void> leave_to_server() { return cache() ? cache()->invalidate() : Result<void>{}; }

    remote::Contents contents_{*this};
};

using RegularFile = remote::Cached<StoredFile>;

}  // namespace eremite::fs::fuse

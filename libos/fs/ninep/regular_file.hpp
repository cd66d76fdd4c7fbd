#pragma once
// A regular file of a 9P server.
#include "libos/fs/ninep/node.hpp"
#include "libos/fs/remote/cached.hpp"

namespace eremite::fs::ninep {

// As the server has it.
class StoredFile : public Node {
public:
    StoredFile(FileSystem& file_system, const Qid& qid) : Node{file_system, FileType::Regular, qid} {}

    [[nodiscard]] Result<uint64_t> seek_data(uint64_t offset, bool hole) override;
    [[nodiscard]] Result<size_t> read_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer, bool append) override;
    void written(uint64_t end) override;

protected:
    void note_size(uint64_t size) override { contents_.note_size(size); }
    [[nodiscard]] uint64_t latest_size(uint64_t size) const override { return contents_.latest_size(size); }

    // For remote::Cached. Makes the file longer or shorter.
    [[nodiscard]] Result<void> resize(uint64_t size);
    // Bytes of the server's that count, at most.
    [[nodiscard]] uint64_t end_of_stored();
    // Before and after bytes are written from `offset` on, or up to `end`.
    [[nodiscard]] Result<void> prepare_store(remote::Handle& handle, uint64_t offset);
    void stored(uint64_t end);

private:
    static constexpr uint64_t unknown = UINT64_MAX;

    // A file that has lost its last name is ours alone, and its size is what we say: the server has `stored_` bytes, of which
    // those behind the end are not the file's. All but the first require the mutex of the contents.
    [[nodiscard]] bool is_ours();
    [[nodiscard]] uint64_t detached_size();
    [[nodiscard]] Result<size_t> write_detached(uint64_t offset, IoBuffer& buffer);
    [[nodiscard]] Result<void> clear(remote::Handle& handle, uint64_t start, uint64_t end);

    remote::Contents contents_{*this};
    uint64_t stored_ = unknown;
};

using RegularFile = remote::Cached<StoredFile>;

}  // namespace eremite::fs::ninep

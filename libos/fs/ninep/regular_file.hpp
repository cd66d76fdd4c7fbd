#pragma once
// A regular file of a 9P server.
#include "libos/fs/ninep/node.hpp"
#include "libos/fs/remote/contents.hpp"

namespace eremite::fs::ninep {

class RegularFile final : public Node {
public:
    RegularFile(FileSystem& file_system, const Qid& qid) : Node{file_system, FileType::Regular, qid} {}

    [[nodiscard]] Result<size_t> read(uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(uint64_t& position, IoBuffer& buffer, bool append) override;
    [[nodiscard]] Result<void> truncate(uint64_t size) override;
    [[nodiscard]] Result<uint64_t> seek_data(uint64_t offset, bool hole) override;
    [[nodiscard]] Result<size_t> read_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer, bool append) override;
    void written(uint64_t end) override;

protected:
    void note_size(uint64_t size) override { contents_.note_size(size); }
    [[nodiscard]] uint64_t latest_size(uint64_t size) const override { return contents_.latest_size(size); }

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

}  // namespace eremite::fs::ninep

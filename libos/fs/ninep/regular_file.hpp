#pragma once
// A file of a 9P server. Reads and writes go to the server in transfers as large as can be.
#include "libos/fs/ninep/node.hpp"

namespace eremite::fs::ninep {

class RegularFile final : public Node {
public:
    // Offsets are signed in system calls.
    static constexpr uint64_t size_maximum = INT64_MAX;

    RegularFile(FileSystem& file_system, const Qid& qid) : Node{file_system, FileType::Regular, qid} {}

    [[nodiscard]] Result<size_t> read(uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(uint64_t& position, IoBuffer& buffer, bool append) override;
    [[nodiscard]] Result<void> truncate(uint64_t size) override;
    [[nodiscard]] Result<uint64_t> seek_data(uint64_t offset, bool hole) override;

    // The same through a fid that is open.
    [[nodiscard]] Result<size_t> read(const Fid& fid, uint64_t& position, IoBuffer& buffer);
    // `append`: the server was told to append to this fid.
    [[nodiscard]] Result<size_t> write(const Fid& fid, uint64_t& position, IoBuffer& buffer, bool append);

protected:
    void note_size(uint64_t size) override { end_.store(size, std::memory_order_relaxed); }
    [[nodiscard]] uint64_t latest_size(uint64_t size) const override;

private:
    static constexpr uint64_t unknown = UINT64_MAX;

    [[nodiscard]] Result<size_t> read_server(const Fid& fid, uint64_t offset, IoBuffer& buffer);
    [[nodiscard]] Result<size_t> write_server(const Fid& fid, uint64_t offset, IoBuffer& buffer);
    [[nodiscard]] Result<size_t> write_all(const Fid& fid, uint64_t offset, Segment bytes);
    void note_write(uint64_t end);

    // A file that has lost its last name is ours alone, and its size is what we say: the server has `stored_` bytes, of which
    // those behind the end are not the file's. All but the first require the mutex.
    [[nodiscard]] bool is_ours();
    [[nodiscard]] uint64_t detached_size();
    [[nodiscard]] Result<size_t> write_detached(uint64_t offset, IoBuffer& buffer);
    [[nodiscard]] Result<void> clear(const Fid& fid, uint64_t start, uint64_t end);

    sched::Mutex mutex_;  // for appending, and for all that is done to a detached file
    std::atomic<uint64_t> end_{unknown};  // the size as we saw it last
    uint64_t stored_ = unknown;
};

}  // namespace eremite::fs::ninep

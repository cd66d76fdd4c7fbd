#pragma once
// A regular file of a FUSE server.
#include "libos/fs/fuse/node.hpp"
#include "libos/fs/remote/contents.hpp"

namespace eremite::fs::fuse {

class RegularFile final : public Node {
public:
    RegularFile(FileSystem& file_system, const remote::Identity& identity, Ref<NodeId> id)
        : Node{file_system, FileType::Regular, identity, std::move(id)} {}

    [[nodiscard]] Result<size_t> read(uint64_t& position, IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(uint64_t& position, IoBuffer& buffer, bool append) override;
    [[nodiscard]] Result<void> truncate(uint64_t size) override;
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

private:
    // The number of a handle, as requests carry it.
    [[nodiscard]] static uint64_t number_of(const Ref<remote::Handle>& handle) { return static_cast<OpenHandle&>(*handle).number(); }

    remote::Contents contents_{*this};
};

}  // namespace eremite::fs::fuse

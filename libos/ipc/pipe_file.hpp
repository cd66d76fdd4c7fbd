#pragma once
// An open end of a pipe; one that was opened by name (fifo(7)) may be both ends.
#include "libos/ipc/pipe_buffer.hpp"

namespace eremite::ipc {

class PipeFile final : public fs::File {
public:
    // `inode`: the name by which it was opened; null for pipe(2), whose pipes have a `number`.
    PipeFile(Ref<PipeBuffer> pipe, uint32_t flags, Ref<fs::Inode> inode, uint64_t number);
    ~PipeFile() override;
    // Null: not a pipe.
    [[nodiscard]] static PipeFile* of(fs::File& file) { return file.kind() == fs::FileKind::Pipe ? static_cast<PipeFile*>(&file) : nullptr; }

    [[nodiscard]] Result<size_t> read(fs::IoBuffer& buffer) override;
    // What is at most PIPE_BUF bytes long goes in as a whole.
    [[nodiscard]] Result<size_t> write(fs::IoBuffer& buffer) override;
    [[nodiscard]] fs::ReadinessSource* readiness_source() override;
    [[nodiscard]] uint32_t readiness() override;
    [[nodiscard]] Result<fs::Attributes> attributes() override;
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override;
    [[nodiscard]] fs::Inode* inode() override { return inode_.get(); }
    size_t describe(char* path, size_t size) override;
    [[nodiscard]] fs::FileKind kind() const override { return fs::FileKind::Pipe; }

    [[nodiscard]] PipeBuffer& pipe() { return *pipe_; }
    // Waits for somebody at the other end, as opening by name does. ENXIO: nobody reads, and the caller does not wait.
    [[nodiscard]] Result<void> wait_for_partner();

private:
    // Dropped behind the pipe, which is known by it.
    Ref<fs::Inode> inode_;
    Ref<PipeBuffer> pipe_;
    uint64_t number_;
    // A reader that did not wait for writers sees no hang-up until one has come: how many had, and no such number.
    static constexpr uint64_t waited = UINT64_MAX;
    uint64_t writers_seen_ = waited;
};

}  // namespace eremite::ipc

#pragma once
// The console as an open file: a terminal with a line discipline, or a plain stream that looks like a pipe.
#include "libos/drivers/console.hpp"
#include "libos/fs/file.hpp"

namespace eremite::fs::dev {

using drivers::ConsoleOutput;

class ConsoleFile final : public InodeFile {
public:
    ConsoleFile(Ref<Inode> node, uint32_t flags, ConsoleOutput output = ConsoleOutput::Standard)
        : InodeFile{std::move(node), flags}, output_{output} {}

    // Waits for input unless O_NONBLOCK (EAGAIN). Holds no lock while it waits.
    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override;
    [[nodiscard]] bool positioned() const override { return false; }
    [[nodiscard]] Result<size_t> read_at(uint64_t, IoBuffer&) override { return Error{ESPIPE}; }
    [[nodiscard]] Result<size_t> write_at(uint64_t, IoBuffer&) override { return Error{ESPIPE}; }
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool) override { return write(buffer); }
    [[nodiscard]] Result<uint64_t> seek(int64_t, int) override { return Error{ESPIPE}; }
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override;
    [[nodiscard]] uint32_t readiness() override;
    [[nodiscard]] ReadinessSource* readiness_source() override { return &drivers::console_readiness_source(); }
    [[nodiscard]] Result<Ref<mm::MemoryObject>> memory_object() override { return Error{ENODEV}; }

private:
    ConsoleOutput output_;
};

// What file descriptors 0, 1 and 2 of the program are at start. `terminal_node`: the inode of /dev/console, used when the
// console is a terminal. ENOMEM.
[[nodiscard]] Result<Ref<File>> open_standard_stream(int descriptor, Ref<Inode> terminal_node);

}  // namespace eremite::fs::dev

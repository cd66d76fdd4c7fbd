#pragma once
// /dev/null, /dev/zero, /dev/full (mem(4), full(4)) and /dev/random, /dev/urandom (random(4)), and /dev/hwrng.
#include "libos/fs/file.hpp"

namespace eremite::fs::dev {

class NullFile : public InodeFile {
public:
    using InodeFile::InodeFile;
    [[nodiscard]] Result<size_t> read(IoBuffer&) override { return size_t{0}; }
    // The bytes are not even looked at, so no address is wrong.
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override { return buffer.remaining(); }
    [[nodiscard]] Result<size_t> read_at(uint64_t, IoBuffer& buffer) override { return read(buffer); }
    [[nodiscard]] Result<size_t> write_at(uint64_t, IoBuffer& buffer) override { return write(buffer); }
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool) override { return write(buffer); }
    [[nodiscard]] Result<uint64_t> seek(int64_t, int) override { return uint64_t{0}; }
};

class ZeroFile final : public NullFile {
public:
    using NullFile::NullFile;
    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> read_at(uint64_t, IoBuffer& buffer) override { return read(buffer); }
    // Zeroed memory of its own, as if mapped anonymously.
    [[nodiscard]] Result<Ref<mm::MemoryObject>> memory_object() override;
};

class FullFile final : public NullFile {
public:
    using NullFile::NullFile;
    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(IoBuffer&) override { return Error{ENOSPC}; }
    [[nodiscard]] Result<size_t> read_at(uint64_t, IoBuffer& buffer) override { return read(buffer); }
    [[nodiscard]] Result<size_t> write_at(uint64_t, IoBuffer&) override { return Error{ENOSPC}; }
};

// /dev/urandom
class RandomFile : public NullFile {
public:
    using NullFile::NullFile;
    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> read_at(uint64_t, IoBuffer& buffer) override { return read(buffer); }
    // Bytes written would be mixed in; they count for nothing, and the generator has better sources.
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override;
};

// /dev/random. Unlike the others it can be waited for, though the generator was seeded before the program began.
class WaitedRandomFile final : public RandomFile {
public:
    using RandomFile::RandomFile;
    [[nodiscard]] uint32_t readiness() override { return POLLIN | POLLRDNORM; }
    [[nodiscard]] ReadinessSource* readiness_source() override;
};

// What the machine's entropy device gives, as it comes (Documentation/admin-guide/hw_random.rst of Linux).
class HardwareRandomFile final : public NullFile {
public:
    using NullFile::NullFile;
    // Waits for the device unless O_NONBLOCK. ENODEV: there is none.
    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> read_at(uint64_t, IoBuffer& buffer) override { return read(buffer); }
    [[nodiscard]] Result<size_t> write(IoBuffer&) override { return Error{EINVAL}; }
};

}  // namespace eremite::fs::dev

#include "libos/fs/dev/memory_devices.hpp"

#include <linux/random.h>

#include <algorithm>
#include <array>

#include "libos/drivers/virtio_rng.hpp"
#include "libos/fs/dev/devices.hpp"
#include "libos/random/random.hpp"

namespace eremite::fs::dev {

namespace {

Result<size_t> read_zeros(IoBuffer& buffer) {
    const size_t done = buffer.put_zeros(buffer.remaining());
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    return done;
}

// Nothing ever changes.
constinit ReadinessSource random_source{};

}  // namespace

Result<size_t> ZeroFile::read(IoBuffer& buffer) { return read_zeros(buffer); }

Result<size_t> FullFile::read(IoBuffer& buffer) { return read_zeros(buffer); }

Result<Ref<mm::MemoryObject>> ZeroFile::memory_object() {
    Ref<Inode> memory = TRY(unnamed_files().create_unnamed("dev/zero", 0777));
    TRY(memory->truncate(INT64_MAX));
    return Ref<mm::MemoryObject>{std::move(memory)};
}

Result<size_t> RandomFile::read(IoBuffer& buffer) {
    std::array<uint8_t, 256> bytes;
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const size_t piece = std::min(bytes.size(), buffer.remaining());
        random::fill(std::span{bytes}.first(piece));
        const size_t copied = buffer.put(bytes.data(), piece);
        done += copied;
        if (copied < piece) break;
    }
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    return done;
}

ReadinessSource* WaitedRandomFile::readiness_source() { return &random_source; }

Result<size_t> HardwareRandomFile::read(IoBuffer& buffer) {
    std::array<uint8_t, 512> bytes;
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const auto count = drivers::read_virtio_entropy(std::span{bytes}.first(std::min(bytes.size(), buffer.remaining())), nonblocking());
        if (!count.ok()) return done > 0 ? Result<size_t>{done} : Result<size_t>{count.error()};
        const size_t copied = buffer.put(bytes.data(), count.value());
        done += copied;
        if (copied < count.value()) break;
    }
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    return done;
}

Result<long> RandomFile::ioctl(uint32_t request, uint64_t argument) {
    if (request != RNDGETENTCNT) return Error{EINVAL};
    const int bits = random::seeded() ? 256 : 0;
    TRY(mm::copy_to_user(VirtualAddress{argument}, &bits, sizeof bits));
    return 0L;
}

}  // namespace eremite::fs::dev

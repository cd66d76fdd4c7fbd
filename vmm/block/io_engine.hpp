#pragma once
// Reads and writes of a file that go on while others are begun. An engine has no lock: one thread uses it at a time.
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>

namespace eremite::vmm::block {

struct Operation {
    // Sync: what was written before is on the disk. Punch: a hole, which reads as zeros; Zero: zeros, whose room stays reserved.
    enum class Kind : uint8_t { Read, Write, Sync, Punch, Zero };
    Kind kind = Kind::Sync;
    bool durable = false;               // a write that is on the disk when it is done
    uint64_t offset = 0, length = 0;    // bytes; the length is of Punch and Zero
    std::span<const iovec> memory{};    // of Read and Write, 1024 pieces at most; stays until the operation is done
};

struct Outcome {
    uint32_t slot;   // as given to submit()
    int64_t result;  // bytes that were read or written, which may be fewer than wanted; 0 of the others; -errno
};

class IoEngine {
public:
    virtual ~IoEngine() = default;
    // Threads that it needs are made here. Nothing that was submitted is begun before.
    virtual void start() {}
    // Requires: fewer than `depth` operations are under way. They are begun by kick(), in any order.
    virtual void submit(uint32_t slot, const Operation& operation) = 0;
    virtual void kick() = 0;
    // An event descriptor that is signalled when there is something to take.
    [[nodiscard]] virtual int event() const = 0;
    // False: nothing is done.
    [[nodiscard]] virtual bool take(Outcome& outcome) = 0;
    // Returns when there is something to take. Requires: something is under way.
    virtual void wait() = 0;
};

// By io_uring(7) where the kernel has it and lets us, else by threads. The file stays the caller's and must outlive the engine, which must not end
// with anything under way. Throws Error.
[[nodiscard]] std::unique_ptr<IoEngine> make_io_engine(int file, uint32_t depth);

}  // namespace eremite::vmm::block

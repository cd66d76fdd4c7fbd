#pragma once
// A device of sectors: disks, and whatever else keeps bytes at numbered places. Drivers derive from Device; file systems use
// read(), write() and the like, which wait.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::block {

inline constexpr uint32_t sector_size = 512;

// A piece of memory by its physical address: a multiple of the device's block size, and not empty.
struct Segment {
    PhysicalAddress address;
    uint32_t length;
};

enum class Operation : uint8_t { Read, Write, Flush, Discard, WriteZeroes };

// What is asked of a device, once. From submit() until wait() returned, it and the memory it names are the device's.
struct Request {
    Operation operation = Operation::Read;
    uint64_t sector = 0;
    uint64_t sectors = 0;  // of discards and of zeroes
    std::span<const Segment> memory{};
    // The driver's.
    bool done = true;
    int error = 0;
    uint16_t queue = 0;
    sched::WaitQueue waiting{};
};

// What a device can do. Set by its driver before anybody uses it.
struct Limits {
    uint64_t sectors = 0;
    uint32_t block_size = sector_size;  // bytes: what is transferred is a multiple of that, at such places
    uint16_t segments = 1;              // of a request, at most
    uint32_t segment_bytes = UINT32_MAX;
    uint32_t discard_sectors = 0;  // of a request, at most; 0: cannot discard
    uint32_t discard_alignment = 1;
    uint32_t zeroes_sectors = 0;  // of a request, at most; 0: cannot write zeroes by itself
    bool read_only = false;
};

class Device {
public:
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    [[nodiscard]] const Limits& limits() const { return limits_; }
    // For the driver's log messages and ours.
    [[nodiscard]] virtual const char* name() const = 0;

    // Hands a request to the device; may wait for room. Requests under way are done in any order.
    // Requires: within limits(); the request stays until wait() returned.
    virtual void submit(Request& request) = 0;
    // EIO: the device failed, or did not answer in time.
    [[nodiscard]] virtual Result<void> wait(Request& request) = 0;

    // Transfers as much as the segments hold, cut into requests that the device takes, several of them under way.
    // EIO; EINVAL: beyond the end, or not in whole blocks; EROFS.
    [[nodiscard]] Result<void> read(uint64_t sector, std::span<const Segment> memory) { return transfer(Operation::Read, sector, memory); }
    [[nodiscard]] Result<void> write(uint64_t sector, std::span<const Segment> memory) { return transfer(Operation::Write, sector, memory); }
    // Returns when all writes that returned before will outlive a loss of power. Costs nothing if they do already.
    [[nodiscard]] Result<void> flush();
    // Tells the device that nobody needs these sectors any more. Whole units of its alignment only; does nothing if it cannot.
    [[nodiscard]] Result<void> discard(uint64_t sector, uint64_t count);
    // EOPNOTSUPP: it cannot by itself.
    [[nodiscard]] Result<void> write_zeroes(uint64_t sector, uint64_t count);

protected:
    Device() = default;
    ~Device() = default;
    Limits limits_;

private:
    friend class Transfer;
    [[nodiscard]] Result<void> transfer(Operation operation, uint64_t sector, std::span<const Segment> memory);
    [[nodiscard]] Result<void> in_pieces(Operation operation, uint64_t sector, uint64_t count, uint32_t most);
    [[nodiscard]] Result<void> check(uint64_t sector, uint64_t count) const;
    [[nodiscard]] Result<void> ask(Request& request);

    // How many changes returned, and how many of these are known to outlive a loss of power.
    std::atomic<uint64_t> changes_{0}, lasting_changes_{0};
};

// Several reads or writes that are under way at the same time. Ends with them.
class [[nodiscard]] Transfer {
public:
    Transfer(Device& device, Operation operation) : device_{device}, operation_{operation} {}
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() { (void)finish(); }

    // As Device::read() and write(), but the memory is the device's until finish(). Waits for the oldest of those under way where there
    // are too many. Errors may also be those of earlier ones.
    [[nodiscard]] Result<void> start(uint64_t sector, std::span<const Segment> memory);
    // Waits for all that was started. The first error of the device.
    [[nodiscard]] Result<void> finish();

private:
    // Small enough for a kernel stack: requests under way, and pieces of memory in each.
    static constexpr size_t most_requests = 4, most_segments = 32;
    struct Piece {
        Request request;
        std::array<Segment, most_segments> segments;
    };

    void wait_for_oldest();

    Device& device_;
    const Operation operation_;
    std::array<Piece, most_requests> pieces_;
    size_t started_ = 0, finished_ = 0;
    Result<void> result_{};
};

}  // namespace eremite::block

#pragma once
// Why processors came out of the machine: counted for `--stats`, and shown one by one for `--trace-exits`.
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace eremite::vmm::kvm {

// Of one processor, written by its thread alone.
struct ExitCounts {
    // By the place on the bus; the last is nobody's.
    std::vector<uint64_t> ports, memory;
    uint64_t signals = 0, interrupt_windows = 0, halts = 0, shutdowns = 0, others = 0;

    [[nodiscard]] uint64_t total() const;
};

// Writes a line for each exit: milliseconds since the start, processor, kind, and for an access address, size and value.
class ExitTrace {
public:
    // The descriptor stays the caller's.
    explicit ExitTrace(int output) : output_{output} {}

    // From any thread. `data`: what was read or written, little-endian.
    void access(unsigned cpu, std::string_view kind, uint64_t address, std::span<const std::byte> data) const;
    void event(unsigned cpu, std::string_view kind) const;

private:
    [[nodiscard]] double milliseconds() const;

    int output_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace eremite::vmm::kvm

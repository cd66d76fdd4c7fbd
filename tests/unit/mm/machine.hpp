#pragma once
// A machine for the memory tests: host memory at the direct map's address stands for physical memory, and a CPU with a
// TLB of unlimited size reads the page tables, so that a forgotten flush shows as a wrong translation.
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <unordered_map>

#include "base/address.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::test {

// What `panic` does in a test.
struct Panic : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The CPU that the host's thread plays.
extern thread_local unsigned cpu_of_thread;

// Makes physical memory [start, start + size) exist, once; returns the range.
PhysicalRange physical_memory(uint64_t start, uint64_t size);
// Gives the allocator of the machine its memory, once. Returns how many pages are free.
uint64_t start_machine();
inline constexpr uint64_t machine_bytes = uint64_t{256} << 20;

// Takes all pages but `left` out of the machine's allocator while it lives.
class Hunger {
public:
    explicit Hunger(uint64_t left);
    ~Hunger();

private:
    uint64_t chain_ = 0;
};

// Lets the n-th allocation of a kernel object from now on fail (0: the next one), and all after it, while it lives.
class FailingHeap {
public:
    explicit FailingHeap(int64_t successes);
    ~FailingHeap();
};

struct TlbCounters {
    int pages = 0;
    int ranges = 0;
    int all = 0;
    [[nodiscard]] int total() const { return pages + ranges + all; }
};
extern TlbCounters tlb_counters;

// The CPU's view of an address space.
class Cpu {
public:
    explicit Cpu(mm::AddressSpace& space);
    ~Cpu();
    // Reads or writes the first word of a page, faulting as a program does. The errno of the fault that cannot be resolved, or 0.
    int read(VirtualAddress page, uint64_t& value);
    int write(VirtualAddress page, uint64_t value);

    struct Entry {
        PhysicalAddress frame;
        bool writable;
        bool large;
    };
    static void drop(VirtualRange range);

private:
    std::optional<Entry> walk(VirtualAddress page, bool write);
    int access(VirtualAddress page, bool write, uint64_t& value);
    mm::AddressSpace& space_;
};

// An object whose page n starts with the word `base + n`; pages from `end` on do not exist.
class FakeObject : public mm::MemoryObject {
public:
    FakeObject(uint64_t pages, uint64_t base);
    ~FakeObject() override;
    Result<PhysicalAddress> page(uint64_t index, bool for_write) override;
    void mapped() override { ++mappings; }
    void unmapped() override { --mappings; }
    size_t describe(char*, size_t, uint64_t& inode) const override { inode = 7; return 0; }
    [[nodiscard]] uint64_t& word(uint64_t index) { return *direct_map(start_ + index * page_size).as<uint64_t>(); }
    [[nodiscard]] uint64_t pages() const { return pages_; }
    void shrink(uint64_t pages) { pages_ = pages; }
    int mappings = 0;
    int write_requests = 0;

private:
    uint64_t pages_;
    unsigned order_;
    PhysicalAddress start_;
};

}  // namespace eremite::test

#pragma once
// Contract: removal of stale translations. Each call costs a trap to the supervisor, so callers batch and skip what no
// TLB can hold (an entry that was not present, or whose accessed bit is clear).
#include "base/address.hpp"

namespace eremite::arch {

// After return no CPU uses an old translation of any address of the page or range, whatever page size mapped it, nor a
// cached pointer to a page table that stood in the path to it. The implementation may flush more than asked.
void flush_page(VirtualAddress address);
void flush_range(VirtualRange range);
void flush_all();
// Only on this CPU, which held an entry with fewer rights than the table's.
void flush_page_here(VirtualAddress address);

// The TLB of an emulated CPU (QEMU's TCG) follows what the program uses only if it is emptied now and then: it may grow when that
// happens, and a CPU that nobody interrupts has no cause for it. Two arrays of a program may then meet in the same entries all the
// time, which makes a computation take twice as long. Other CPUs' reach is endless.
[[nodiscard]] bool exceeds_tlb(uint64_t pages);
// Makes this CPU's TLB grow to so many pages, by reading from as many of `readable` as it takes.
void extend_tlb(uint64_t pages, VirtualRange readable);

}  // namespace eremite::arch

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

}  // namespace eremite::arch

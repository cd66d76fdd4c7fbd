// Page faults: memory gets its frames here.
#include <algorithm>
#include <array>

#include "libos/arch/tlb.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/mm/limits.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/mm/zero_page.hpp"

namespace eremite::mm {

namespace {

// x86-64 and most others cannot refuse reads of pages that are writable or executable.
bool allows(Protection protection, Access access) {
    switch (access) {
    case Access::Read: return protection.bits != 0;
    case Access::Write: return protection.writable();
    case Access::Execute: return protection.executable();
    }
    return false;
}

arch::PageFlags needed_for(Access access) {
    switch (access) {
    case Access::Read: return arch::page::read;
    case Access::Write: return arch::page::write;
    case Access::Execute: return arch::page::execute;
    }
    return arch::page::none;
}

// How many pages to map at a fault: a program that walks through memory gets twice as many each time; others get one.
size_t predicted_run(const Vma& vma, VirtualAddress page) {
    size_t run = 1;
    if (page == vma.next_fault && vma.run != 0) run = std::min(vma.run * 2, longest_run);
    return std::min<size_t>(run, (vma.range.end - page) / page_size);
}

void record_run(Vma& vma, VirtualAddress page, size_t pages) {
    vma.run = static_cast<uint32_t>(std::min<size_t>(pages, longest_run));
    vma.next_fault = page + pages * page_size;
}

}  // namespace

Result<void> AddressSpace::fault(VirtualAddress address, Access access) {
    sync::Guard guard{lock_};
    ++statistics_.faults;
    return fault_locked(address, access);
}

Result<void> AddressSpace::fault_locked(VirtualAddress address, Access access) {
    Vma* vma = find(address);
    if (!vma && !(vma = grow_down(address))) return Error{EFAULT};
    if (!allows(vma->protection, access)) return Error{EACCES};
    const VirtualAddress page = address.down_to(page_size);
    switch (vma->kind) {
    case Vma::Kind::Anonymous: return fault_anonymous(*vma, page, access);
    case Vma::Kind::Object:
        if (access == Access::Write && !vma->flags.shared) return copy_object_page(*vma, page);
        return map_object_page(*vma, page, access);
    case Vma::Kind::Image:
    case Vma::Kind::Kernel: break;
    }
    return already_mapped(page, access);
}

// The fault of an access that the table permits: a CPU held an older entry. EACCES: the table does not permit it.
Result<void> AddressSpace::already_mapped(VirtualAddress page, Access access) {
    const auto mapping = table_.query(page);
    if (!mapping || !mapping->flags.has(needed_for(access) | arch::page::user)) return Error{EACCES};
    arch::flush_page_here(page);
    return {};
}

// MAP_GROWSDOWN: extends the area above `address` down to it, as far as the gap below allows.
Vma* AddressSpace::grow_down(VirtualAddress address) {
    Vma* vma = first_ending_after(address);
    const VirtualAddress start = address.down_to(page_size);
    if (!vma || !vma->flags.grows_down || start.value < lowest_address) return nullptr;
    if (vma->range.end - start > stack_growth_limit) return nullptr;
    const Vma* below = areas_.previous(*vma);
    if (below && start - below->range.end.value < VirtualAddress{stack_guard_size}) return nullptr;
    count_mapped(*vma, static_cast<int64_t>((vma->range.start - start) / page_size));
    resize(*vma, {start, vma->range.end});
    return vma;
}

namespace {

// The stack was promised to nobody, but a program cannot do without it.
PageAllocator::Use use_of(const Vma& vma) {
    return vma.flags.accounted || vma.flags.stack ? PageAllocator::Use::Promised : PageAllocator::Use::Ordinary;
}

}  // namespace

Result<void> AddressSpace::map_zero_pages(Vma& vma, VirtualAddress page, arch::PageTable::EmptyRun run) {
    // One page of zeros for all who only read.
    if (zero_frame_.value == 0) {
        zero_frame_ = TRY(page_allocator().allocate(0));
        zero_pages(zero_frame_, 1);
    }
    const arch::PageFlags flags = page_flags(vma).without(arch::page::write | arch::page::owned) | arch::page::read;
    for (size_t i = 0; i < run.count; ++i) table_.fill(run, i, zero_frame_, flags, i == 0);
    record_run(vma, page, run.count);
    count_resident(vma, run.count, 0);
    return {};
}

Result<void> AddressSpace::replace_zero_page(Vma& vma, VirtualAddress page) {
    const PhysicalAddress frame = TRY(page_allocator().allocate(0, use_of(vma)));
    zero_pages(frame, 1);
    table_.replace(page, frame, page_flags(vma));
    count_resident(vma, 0, 1);
    return {};
}

Result<void> AddressSpace::fault_anonymous(Vma& vma, VirtualAddress page, Access access) {
    const auto use = use_of(vma);
    // Memory that nobody promised is not spent on reading zeros. What is shared stays at its place: a futex may live there.
    const bool reads_zeros = access != Access::Write && use == PageAllocator::Use::Ordinary && !vma.flags.shared;
    if (!reads_zeros && wants_large(vma, page) && map_large(vma, page)) return {};
    const auto run = TRY(table_.empty_run(page, predicted_run(vma, page), use == PageAllocator::Use::Promised));
    if (run.count == 0) {
        const auto mapping = table_.query(page);
        if (access == Access::Write && mapping && !mapping->flags.has(arch::page::owned)) return replace_zero_page(vma, page);
        return already_mapped(page, access);
    }
    if (reads_zeros) return map_zero_pages(vma, page, run);
    const arch::PageFlags flags = page_flags(vma);
    PageAllocator& memory = page_allocator();
    size_t filled = 0;
    for (; filled < run.count; ++filled) {
        const auto frame = memory.allocate(0, use);
        if (!frame.ok()) {
            if (filled == 0) return frame.error();
            break;
        }
        zero_pages(frame.value(), 1);
        table_.fill(run, filled, frame.value(), flags, filled == 0);
    }
    record_run(vma, page, filled);
    count_resident(vma, filled, filled);
    return {};
}

// Is it likely that the 2 MiB around `page` will all be used, and is there memory to spare if not?
bool AddressSpace::wants_large(const Vma& vma, VirtualAddress page) const {
    if (vma.range.size() < large_page_size || vma.flags.no_huge || vma.flags.stack) return false;
    const VirtualAddress block = page.down_to(large_page_size);
    if (!vma.range.contains(VirtualRange{block, block + large_page_size})) return false;
    const uint64_t total = page_allocator().total_pages();
    const uint64_t free = page_allocator().free_pages();
    // Memory that nobody promised to this area must not be taken from those it was promised to.
    const uint64_t spare = total / 8 + pages_per_large_page + (vma.flags.accounted ? 0 : promised_pages());
    if (free < spare) return false;
    // The program asked for it, or has come through all of the block before this one.
    if (vma.flags.huge || (page == block && page == vma.next_fault)) return true;
    // A reservation or a heap is used bit by bit; memory that is asked for as a whole is mostly used as a whole.
    constexpr uint64_t large_machine = (uint64_t{32} << 20) / page_size;
    return vma.flags.accounted && !vma.flags.heap && total >= large_machine && free >= total / 2;
}

// False when the block is in use or memory is too fragmented.
bool AddressSpace::map_large(Vma& vma, VirtualAddress page) {
    const VirtualAddress block = page.down_to(large_page_size);
    if (!table_.clear_empty_block(block)) return false;
    const auto frame = page_allocator().allocate(9, use_of(vma));
    if (!frame.ok()) return false;
    // Before it is mapped: another CPU may write to it from then on.
    zero_pages(frame.value(), pages_per_large_page);
    if (!table_.map(block, frame.value(), large_page_size, page_flags(vma)).ok()) {
        page_allocator().free(frame.value(), 9);
        return false;
    }
    record_run(vma, block, pages_per_large_page);
    count_resident(vma, pages_per_large_page, pages_per_large_page);
    return true;
}

// Write to a private mapping: the page becomes the program's own. ENXIO, ENOMEM.
Result<void> AddressSpace::copy_object_page(Vma& vma, VirtualAddress page) {
    const auto mapping = table_.query(page);
    if (mapping && mapping->flags.has(arch::page::owned)) return already_mapped(page, Access::Write);
    const auto source = TRY(vma.object->page(vma.object_page(page), false));
    arch::PageTable::EmptyRun run{};
    const auto use = use_of(vma);
    if (!mapping) run = TRY(table_.empty_run(page, 1, use == PageAllocator::Use::Promised));
    const PhysicalAddress frame = TRY(page_allocator().allocate(0, use));
    copy_page(frame, source);
    const arch::PageFlags flags = page_flags(vma) | arch::page::owned;
    if (mapping) table_.replace(page, frame, flags);
    else table_.fill(run, 0, frame, flags, true);
    count_resident(vma, mapping ? 0 : 1, 1);
    return {};
}

// Any other access: the object's own page is mapped, writable only for a write to a shared mapping. ENXIO, ENOMEM.
Result<void> AddressSpace::map_object_page(Vma& vma, VirtualAddress page, Access access) {
    const bool write = access == Access::Write;
    const uint64_t index = vma.object_page(page);
    arch::PageFlags flags = page_flags(vma);
    if (!write) flags = flags.without(arch::page::write) | arch::page::read;
    const auto run = TRY(table_.empty_run(page, predicted_run(vma, page), use_of(vma) == PageAllocator::Use::Promised));
    if (run.count == 0) {
        const auto mapping = table_.query(page);
        if (!write || mapping->flags.has(arch::page::write)) return already_mapped(page, access);
        table_.replace(page, TRY(vma.object->page(index, true)), flags);
        return {};
    }
    size_t filled = 0;
    for (; filled < run.count; ++filled) {
        const auto frame = vma.object->page(index + filled, write);
        if (!frame.ok()) {
            if (filled == 0) return frame.error();
            break;
        }
        table_.fill(run, filled, frame.value(), flags, filled == 0);
    }
    record_run(vma, page, filled);
    count_resident(vma, filled, 0);
    return {};
}

// Gives every page of the range its frame, as an access would. The errors of `fault`.
Result<void> AddressSpace::populate(VirtualRange range, bool write) {
    VirtualAddress page = range.start;
    while (page < range.end) {
        Vma* vma = find(page);
        if (!vma) return Error{EFAULT};
        const Access access = write && vma->protection.writable() ? Access::Write : vma->protection.bits == 4 ? Access::Execute : Access::Read;
        const auto mapping = table_.query(page);
        if (mapping && mapping->flags.has(needed_for(access))) {
            page = VirtualAddress{align_down(page.value, mapping->size) + mapping->size};
            continue;
        }
        // All of it is wanted, so the longest runs are right from the start.
        record_run(*vma, page - longest_run * page_size, longest_run);
        TRY(fault_locked(page, access));
        page += page_size;
    }
    return {};
}

}  // namespace eremite::mm

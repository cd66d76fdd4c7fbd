// Page faults: memory gets its frames here.
#include <algorithm>
#include <array>

#include "libos/arch/tlb.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/mm/frame_stock.hpp"
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

// The stack was promised to nobody, but a program cannot do without it.
PageAllocator::Use use_of(const Vma& vma) {
    return vma.flags.accounted || vma.flags.stack ? PageAllocator::Use::Promised : PageAllocator::Use::Ordinary;
}

}  // namespace

struct AddressSpace::Fault {
    Fault(VirtualAddress wanted, Access how, bool is_one_of_many, bool may_wait)
        : page{wanted}, access{how}, populates{is_one_of_many}, waits{may_wait} {}
    VirtualAddress page;
    Access access;
    bool populates;  // the pages behind will be asked for too
    bool waits;      // for an object to bring the page
    FrameStock frames;
    // The object that has to bring the page first, and its number there.
    Ref<MemoryObject> absent{};
    uint64_t absent_index = 0;
    bool absent_for_write = false;
};

// Lets others have the lock meanwhile. False: areas have changed, or tables have gone; what was looked up is void. Else other
// faults may have been resolved, which fills empty slots and replaces pages that were shared.
template <typename Work>
bool AddressSpace::without_lock(Work&& work) {
    const uint64_t seen = generation_;
    ++preparing_;
    lock_.unlock();
    work();
    lock_.lock();
    --preparing_;
    return generation_ == seen;
}

Result<void> AddressSpace::fault(VirtualAddress address, Access access, bool waits) {
    for (;;) {
        Fault fault{address.down_to(page_size), access, false, waits};
        Result<void> result;
        uint64_t resident;
        {
            sync::Guard guard{lock_};
            ++statistics_.faults;
            result = resolve(fault);
            resident = statistics_.resident_pages;
        }
        if (result.code() == ENOMEM) [[unlikely]] {
            // What caches have is had by waiting for it, if at all.
            if (!waits && page_allocator().available_pages() > page_allocator().idle_pages()) return Error{EAGAIN};
            if (waits && page_allocator().make_room()) continue;
        }
        if (arch::exceeds_tlb(resident)) [[unlikely]] arch::extend_tlb(resident, page_allocator().largest_range());
        return result;
    }
}

// Requires the lock, which is let go at times: areas may have changed afterwards. After success the access may fault once more, if
// another CPU changed the area or is at it too.
Result<void> AddressSpace::resolve(Fault& fault) {
    // The frames are ready in the second attempt, and those of a large page at the latest in the third.
    for (;;) {
        const auto result = attempt(fault);
        // The last frames may be in the hands of another CPU, which faulted on the same page or does not need them all.
        if (result.code() == ENOMEM && preparing_ != 0) return {};
        if (result.code() != EAGAIN) return result;
        if (fault.absent) [[unlikely]] {
            if (!fault.waits) return result;
            TRY(fetch_page(fault));
        }
    }
}

// Others have the lock meanwhile, for as long as a device takes.
Result<void> AddressSpace::fetch_page(Fault& fault) {
    lock_.unlock();
    Result<void> result;
    {
        // Its last reference may go here.
        const Ref<MemoryObject> object = std::move(fault.absent);
        result = object->fetch(fault.absent_index, fault.absent_for_write);
    }
    lock_.lock();
    return result;
}

// EAGAIN: the object has to bring the page. The other errors of MemoryObject::page.
Result<PhysicalAddress> AddressSpace::object_page(const Vma& vma, Fault& fault, bool for_write) {
    const uint64_t index = vma.object_page(fault.page);
    auto frame = vma.object->page(index, for_write);
    if (frame.code() == EAGAIN) [[unlikely]] {
        fault.absent = vma.object;
        fault.absent_index = index;
        fault.absent_for_write = for_write;
    }
    return frame;
}

// EAGAIN: the area may have changed while frames were made ready, which are there now; or the object has to bring the page.
Result<void> AddressSpace::attempt(Fault& fault) {
    const VirtualAddress page = fault.page;
    Vma* vma = find(page);
    if (!vma && !(vma = grow_down(page))) return Error{EFAULT};
    if (!allows(vma->protection, fault.access)) return Error{EACCES};
    switch (vma->kind) {
    case Vma::Kind::Anonymous: return fault_anonymous(*vma, fault);
    case Vma::Kind::Object:
        if (fault.access == Access::Write && !vma->flags.shared) return copy_object_page(*vma, fault);
        return map_object_page(*vma, fault);
    case Vma::Kind::Image:
    case Vma::Kind::Kernel: break;
    }
    return already_mapped(page, fault.access);
}

// The fault of an access that the table permits: a CPU held an older entry. EACCES: the table does not permit it.
Result<void> AddressSpace::already_mapped(VirtualAddress page, Access access) {
    const auto mapping = table_.query(page);
    if (!mapping || !mapping->flags.has(needed_for(access) | arch::page::user)) return Error{EACCES};
    arch::flush_page_here(page);
    return {};
}

// MAP_GROWSDOWN: extends the area above `page` down to it, as far as the gap below allows.
Vma* AddressSpace::grow_down(VirtualAddress page) {
    Vma* vma = first_ending_after(page);
    if (!vma || !vma->flags.grows_down || page.value < lowest_address) return nullptr;
    if (vma->range.end - page > stack_growth_limit) return nullptr;
    const Vma* below = areas_.previous(*vma);
    if (below && page - below->range.end.value < VirtualAddress{stack_guard_size}) return nullptr;
    count_mapped(*vma, static_cast<int64_t>((vma->range.start - page) / page_size));
    resize(*vma, {page, vma->range.end});
    return vma;
}

// The pages to map at a fault: a program that walks through memory gets twice as many each time; others get one. The table
// tells, so that threads may walk through one area side by side.
inline Result<arch::PageTable::EmptyRun> AddressSpace::empty_run(const Vma& vma, const Fault& fault) {
    const size_t behind = std::min<size_t>(longest_run, (vma.range.end - fault.page) / page_size);
    const bool promised = use_of(vma) == PageAllocator::Use::Promised;
    if (fault.populates) return table_.empty_run(fault.page, behind, promised);
    return table_.next_run(fault.page, (fault.page - vma.range.start) / page_size, behind, promised);
}

// Makes zeroed frames ready, unless there are some. EAGAIN, ENOMEM.
Result<void> AddressSpace::prepare_zeroed(Fault& fault, size_t count, const Vma& vma) {
    if (!fault.frames.empty()) return {};
    TRY(fault.frames.allocate(count, use_of(vma)));
    if (!without_lock([&] { fault.frames.zero(); })) return Error{EAGAIN};
    return {};
}

Result<void> AddressSpace::map_zero_pages(Vma& vma, arch::PageTable::EmptyRun run) {
    // One page of zeros for all who only read.
    if (zero_frame_.value == 0) {
        zero_frame_ = TRY(page_allocator().allocate(0));
        zero_pages(zero_frame_, 1);
    }
    const arch::PageFlags flags = page_flags(vma).without(arch::page::write | arch::page::owned) | arch::page::read;
    table_.fill_with(run, zero_frame_, flags);
    count_resident(vma, run.count, 0);
    return {};
}

Result<void> AddressSpace::replace_zero_page(Vma& vma, Fault& fault) {
    TRY(prepare_zeroed(fault, 1, vma));
    const auto mapping = table_.query(fault.page);
    if (!mapping || mapping->flags.has(arch::page::owned)) return {};
    table_.replace(fault.page, fault.frames.frames()[0], page_flags(vma));
    fault.frames.take(1);
    count_resident(vma, 0, 1);
    return {};
}

Result<void> AddressSpace::fault_anonymous(Vma& vma, Fault& fault) {
    const auto use = use_of(vma);
    // Another area than the one that frames were made ready for: those who promised it nothing must not spend what others were promised.
    if (!fault.frames.empty() && fault.frames.use() != use) return {};
    // Memory that nobody promised is not spent on reading zeros. What is shared stays at its place: a futex may live there.
    const bool reads_zeros = fault.access != Access::Write && use == PageAllocator::Use::Ordinary && !vma.flags.shared;
    if (!reads_zeros && vma.range.size() >= large_page_size && wants_large(vma, fault.page) && TRY(map_large(vma, fault))) return {};
    const auto run = TRY(empty_run(vma, fault));
    if (run.count == 0) {
        const auto mapping = table_.query(fault.page);
        if (fault.access == Access::Write && mapping && !mapping->flags.has(arch::page::owned)) return replace_zero_page(vma, fault);
        return already_mapped(fault.page, fault.access);
    }
    if (reads_zeros) return map_zero_pages(vma, run);
    TRY(prepare_zeroed(fault, run.count, vma));
    const size_t filled = table_.fill(run, fault.frames.frames(), page_flags(vma));
    fault.frames.take(filled);
    count_resident(vma, filled, filled);
    return {};
}

// Is it likely that the 2 MiB around `page` will all be used, and is there memory to spare if not? Requires: the area is so large.
bool AddressSpace::wants_large(const Vma& vma, VirtualAddress page) const {
    if (vma.flags.no_huge || vma.flags.stack) return false;
    const VirtualAddress block = page.down_to(large_page_size);
    if (!vma.range.contains(VirtualRange{block, block + large_page_size})) return false;
    const uint64_t total = page_allocator().total_pages();
    const uint64_t free = page_allocator().listed_pages();
    // Memory that nobody promised to this area must not be taken from those it was promised to.
    const uint64_t spare = total / 8 + pages_per_large_page + (vma.flags.accounted ? 0 : promised_pages());
    if (free < spare) return false;
    // The program asked for it, or has come through all of the block before this one.
    if (vma.flags.huge) return true;
    if (page == block && page != vma.range.start && table_.query(page - page_size)) return true;
    // A reservation or a heap is used bit by bit; memory that is asked for as a whole is mostly used as a whole.
    constexpr uint64_t large_machine = (uint64_t{32} << 20) / page_size;
    return vma.flags.accounted && !vma.flags.heap && total >= large_machine && free >= total / 2;
}

// False when the block is in use or memory is too fragmented. EAGAIN.
Result<bool> AddressSpace::map_large(Vma& vma, Fault& fault) {
    const VirtualAddress block = fault.page.down_to(large_page_size);
    // Another fault may be about to fill the table that goes.
    ++generation_;
    if (!table_.clear_empty_block(block)) return false;
    if (!fault.frames.has_large()) {
        if (!fault.frames.allocate_large(use_of(vma))) return false;
        if (!without_lock([&] { fault.frames.zero_large(); })) return Error{EAGAIN};
    }
    if (!table_.map(block, fault.frames.large(), large_page_size, page_flags(vma)).ok()) return false;
    fault.frames.take_large();
    count_resident(vma, pages_per_large_page, pages_per_large_page);
    return true;
}

// Write to a private mapping: the page becomes the program's own. ENXIO, ENOMEM, EAGAIN.
Result<void> AddressSpace::copy_object_page(Vma& vma, Fault& fault) {
    const VirtualAddress page = fault.page;
    auto mapping = table_.query(page);
    if (mapping && mapping->flags.has(arch::page::owned)) return already_mapped(page, Access::Write);
    const auto source = TRY(object_page(vma, fault, false));
    arch::PageTable::EmptyRun run{};
    const auto use = use_of(vma);
    if (!mapping) run = TRY(table_.empty_run(page, 1, use == PageAllocator::Use::Promised));
    if (fault.frames.empty()) {
        TRY(fault.frames.allocate(1, use));
        // Should the object lose the page meanwhile, areas have changed, and the copy is not used.
        if (!without_lock([&] { copy_page(fault.frames.frames()[0], source); })) return Error{EAGAIN};
        mapping = table_.query(page);
        if (mapping && mapping->flags.has(arch::page::owned)) return {};
    } else {
        if (fault.frames.use() != use) return {};
        copy_page(fault.frames.frames()[0], source);
    }
    const arch::PageFlags flags = page_flags(vma) | arch::page::owned;
    if (mapping) table_.replace(page, fault.frames.frames()[0], flags);
    else static_cast<void>(table_.fill(run, fault.frames.frames(), flags));
    fault.frames.take(1);
    count_resident(vma, mapping ? 0 : 1, 1);
    return {};
}

// Any other access: the object's own page is mapped, writable only for a write to a shared mapping. ENXIO, ENOMEM.
Result<void> AddressSpace::map_object_page(Vma& vma, Fault& fault) {
    const VirtualAddress page = fault.page;
    const bool write = fault.access == Access::Write;
    const uint64_t index = vma.object_page(page);
    arch::PageFlags flags = page_flags(vma);
    if (!write) flags = flags.without(arch::page::write) | arch::page::read;
    const auto run = TRY(empty_run(vma, fault));
    if (run.count == 0) {
        const auto mapping = table_.query(page);
        if (!write || mapping->flags.has(arch::page::write)) return already_mapped(page, fault.access);
        table_.replace(page, TRY(object_page(vma, fault, true)), flags);
        return {};
    }
    std::array<PhysicalAddress, longest_run> frames;
    frames[0] = TRY(object_page(vma, fault, write));
    const size_t most = write && vma.object->tracks_writes() ? 1 : run.count;
    size_t count = 1;
    for (; count < most; ++count) {
        const auto frame = vma.object->page(index + count, write);
        if (!frame.ok()) break;
        frames[count] = frame.value();
    }
    count_resident(vma, table_.fill(run, {frames.data(), count}, flags), 0);
    return {};
}

// Gives every page of the range its frame, as an access would. Lets the lock go at times: areas may have changed afterwards. The
// errors of `fault`.
Result<void> AddressSpace::populate(VirtualRange range, bool write) {
    VirtualAddress page = range.start;
    while (page < range.end) {
        const Vma* vma = find(page);
        if (!vma) return Error{EFAULT};
        const Access access = write && vma->protection.writable() ? Access::Write : vma->protection.bits == 4 ? Access::Execute : Access::Read;
        const auto mapping = table_.query(page);
        if (mapping && mapping->flags.has(needed_for(access))) {
            page = VirtualAddress{align_down(page.value, mapping->size) + mapping->size};
            continue;
        }
        Fault fault{page, access, true, true};
        TRY(resolve(fault));
        page += page_size;
    }
    return {};
}

}  // namespace eremite::mm

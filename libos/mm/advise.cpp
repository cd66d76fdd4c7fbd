// madvise(2), mincore(2), mlock(2) and relatives.
#include <linux/mman.h>

#include <algorithm>

#include "libos/mm/address_space.hpp"
#include "libos/mm/graveyard.hpp"
#include "libos/mm/limits.hpp"
#include "libos/mm/parts.hpp"

namespace eremite::mm {

namespace {

// Advice that Linux takes without any promise to act on it, or that is about fork() and core dumps, which we have not.
bool is_hint(int advice) {
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_KEEPONFORK:
    case MADV_WIPEONFORK:
    case MADV_COLD:
    case MADV_PAGEOUT: return true;
    default: return false;
    }
}

bool known(int advice) {
    switch (advice) {
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE: return true;
    default: return is_hint(advice);
    }
}

}  // namespace

Result<void> AddressSpace::advise(VirtualAddress start, uint64_t length, int advice) {
    if (!known(advice) || !start.is_aligned(page_size)) return Error{EINVAL};
    const VirtualRange range = TRY(whole_pages(start, length, EINVAL));
    if (range.empty()) return {};
    Graveyard graveyard;
    const Changing lock{*this};
    auto result = for_each_part(range, [&](Vma& vma, VirtualRange part) { return advise_area(vma, part, advice); });
    merge_around(range, graveyard);
    return result;
}

Result<void> AddressSpace::advise_area(Vma& vma, VirtualRange range, int advice) {
    const bool private_anonymous = vma.kind == Vma::Kind::Anonymous && !vma.flags.shared;
    if (vma.kind == Vma::Kind::Kernel) return Error{EINVAL};
    switch (advice) {
    case MADV_WIPEONFORK: return private_anonymous ? Result<void>{} : Error{EINVAL};
    case MADV_COLD:
    case MADV_PAGEOUT: return vma.flags.locked ? Error{EINVAL} : Result<void>{};
    case MADV_FREE:
        // The program allows the pages to go at any time; we take them at once.
        if (!private_anonymous || vma.flags.locked) return Error{EINVAL};
        break;
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
        // What the boot loader put into memory cannot be had a second time.
        if ((vma.flags.locked && advice == MADV_DONTNEED) || vma.kind == Vma::Kind::Image) return Error{EINVAL};
        // Shared anonymous memory keeps its contents, and lives nowhere else than here.
        if (vma.kind == Vma::Kind::Anonymous && vma.flags.shared) return {};
        break;
    case MADV_REMOVE:
        if (!vma.flags.shared || vma.flags.locked) return Error{EINVAL};
        if (!vma.protection.writable()) return Error{EACCES};
        if (vma.kind == Vma::Kind::Object) return Error{EOPNOTSUPP};
        break;
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE: {
        Vma* part = TRY(isolate(vma, range));
        part->flags.huge = advice == MADV_HUGEPAGE;
        part->flags.no_huge = advice == MADV_NOHUGEPAGE;
        return {};
    }
    case MADV_WILLNEED:
        // Reading ahead is of use where there is something to read.
        if (vma.kind == Vma::Kind::Object && vma.protection.bits != 0) static_cast<void>(populate(range, false).ok());
        return {};
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE: {
        const bool write = advice == MADV_POPULATE_WRITE;
        if (write ? !vma.protection.writable() : !vma.protection.readable()) return Error{EINVAL};
        const auto populated = populate(range, write);
        if (populated.code() == ENXIO) return Error{EFAULT};
        return populated;
    }
    default: return {};
    }
    TRY(table_.split_ends(range));
    drop_pages(vma, range, range);
    keep_promises();
    return {};
}

Result<void> AddressSpace::residency(VirtualAddress start, std::span<uint8_t> pages) {
    if (!start.is_aligned(page_size)) return Error{EINVAL};
    if (start.value > user_address_end || pages.size() > (user_address_end - start.value) / page_size) return Error{ENOMEM};
    sync::Guard guard{lock_};
    VirtualAddress at = start;
    for (uint8_t& page : pages) {
        if (!find(at)) return Error{ENOMEM};
        page = table_.query(at) ? 1 : 0;
        at += page_size;
    }
    return {};
}

// Marks the areas of a range. ENOMEM: not all is mapped, or no memory to cut areas.
Result<void> AddressSpace::set_locked(VirtualRange range, bool locked) {
    return for_each_part(range, [&](Vma& vma, VirtualRange part) -> Result<void> {
        if (vma.kind == Vma::Kind::Kernel || vma.flags.locked == locked) return {};
        Vma* area = TRY(isolate(vma, part));
        area->flags.locked = locked;
        const uint64_t pages = part.size() / page_size;
        statistics_.locked_pages += locked ? pages : -pages;
        return {};
    });
}

Result<void> AddressSpace::lock(VirtualAddress start, uint64_t length, bool wants_pages) {
    const VirtualAddress first = start.down_to(page_size);
    if (length > UINT64_MAX - page_size) return Error{EINVAL};
    const VirtualRange range = TRY(whole_pages(first, length + (start - first), EINVAL));
    if (range.empty()) return {};
    Graveyard graveyard;
    const Changing lock{*this};
    auto result = set_locked(range, true);
    merge_around(range, graveyard);
    if (!result.ok() || !wants_pages) return result;
    return for_each_part(range, [&](Vma& vma, VirtualRange part) -> Result<void> {
        if (vma.kind == Vma::Kind::Kernel) return {};
        // mlock(2): ENOMEM for what cannot be brought into memory, be it for its rights or its end.
        if (vma.protection.bits == 0 || !populate(part, !vma.flags.shared).ok()) return Error{ENOMEM};
        return {};
    });
}

Result<void> AddressSpace::unlock(VirtualAddress start, uint64_t length) {
    const VirtualAddress first = start.down_to(page_size);
    if (length > UINT64_MAX - page_size) return Error{EINVAL};
    const VirtualRange range = TRY(whole_pages(first, length + (start - first), EINVAL));
    Graveyard graveyard;
    const Changing lock{*this};
    auto result = set_locked(range, false);
    merge_around(range, graveyard);
    return result;
}

Result<void> AddressSpace::lock_all(bool current, bool future, bool wants_pages) {
    Graveyard graveyard;
    const Changing lock{*this};
    lock_future_ = future;
    populate_future_ = future && wants_pages;
    if (!current) return {};
    for (Vma* vma = areas_.first(); vma; vma = areas_.next(*vma)) {
        if (vma->kind == Vma::Kind::Kernel || vma->flags.locked) continue;
        vma->flags.locked = true;
        statistics_.locked_pages += vma->range.size() / page_size;
    }
    const VirtualRange everything{VirtualAddress{lowest_address}, VirtualAddress{user_address_end}};
    merge_around(everything, graveyard);
    if (!wants_pages) return {};
    // Failures to populate are ignored, as in Linux: a stack need not be in memory as a whole.
    static_cast<void>(for_each_part(everything, [&](Vma& vma, VirtualRange part) -> Result<void> {
        if (vma.kind == Vma::Kind::Kernel || vma.protection.bits == 0 || vma.flags.stack) return {};
        static_cast<void>(populate(part, !vma.flags.shared).ok());
        return {};
    }).ok());
    return {};
}

void AddressSpace::unlock_all() {
    Graveyard graveyard;
    const Changing lock{*this};
    lock_future_ = populate_future_ = false;
    for (Vma* vma = areas_.first(); vma; vma = areas_.next(*vma)) vma->flags.locked = false;
    statistics_.locked_pages = 0;
    merge_around({VirtualAddress{lowest_address}, VirtualAddress{user_address_end}}, graveyard);
}

}  // namespace eremite::mm

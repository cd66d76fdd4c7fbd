// What objects ask of their mappings: pages go, or become read-only; and msync(2), which asks the objects.
#include <algorithm>

#include "libos/mm/address_space.hpp"
#include "libos/mm/parts.hpp"

namespace eremite::mm {

// Calls visit(vma, range) for each part of an area that maps pages [first, first + count) of the object, until it says false.
template <typename Visit>
bool AddressSpace::visit_object(const MemoryObject& object, uint64_t first, uint64_t count, Visit&& visit) {
    for (Vma* vma = areas_.first(); vma; vma = areas_.next(*vma)) {
        if (vma->kind != Vma::Kind::Object || vma->object.get() != &object) continue;
        const uint64_t pages = vma->range.size() / page_size;
        const uint64_t start = first > vma->page_offset ? std::min(first - vma->page_offset, pages) : 0;
        const uint64_t last = count > UINT64_MAX - first ? UINT64_MAX : first + count;
        const uint64_t end = last > vma->page_offset ? std::min(last - vma->page_offset, pages) : 0;
        if (start < end && !visit(*vma, VirtualRange{vma->range.start + start * page_size, vma->range.start + end * page_size})) return false;
    }
    return true;
}

void AddressSpace::drop_object_pages(const MemoryObject& object, uint64_t first) {
    const Changing lock{*this};
    (void)visit_object(object, first, UINT64_MAX, [this](const Vma& vma, VirtualRange range) {
        drop_pages(vma, range, range);
        return true;
    });
    keep_promises();
}

bool AddressSpace::release_object_pages(const MemoryObject& object, uint64_t first, uint64_t count, bool locked_too) {
    const Changing lock{*this};
    if (!locked_too && !visit_object(object, first, count, [](const Vma& vma, VirtualRange) { return !vma.flags.locked; })) return false;
    return visit_object(object, first, count, [this](const Vma& vma, VirtualRange range) {
        if (vma.flags.shared) drop_pages(vma, range, range);
        else release_shared_frames(vma, range);
        return true;
    });
}

// Copies that a private mapping owns stay. What is between them goes in as few pieces as possible.
void AddressSpace::release_shared_frames(const Vma& vma, VirtualRange range) {
    VirtualRange piece{range.start, range.start};
    const auto drop = [&] {
        if (!piece.empty()) drop_pages(vma, piece, piece);
    };
    for (VirtualAddress at = range.start; at < range.end; at += page_size) {
        const auto mapping = table_.query(at);
        if (mapping && mapping->flags.has(arch::page::owned)) {
            drop();
            piece.start = at + page_size;
        }
        piece.end = at + page_size;
    }
    drop();
}

void AddressSpace::write_protect_object_pages(const MemoryObject& object, uint64_t first, uint64_t count) {
    const Changing lock{*this};
    (void)visit_object(object, first, count, [this](const Vma& vma, VirtualRange range) {
        // In a private mapping none of the object's own pages is writable.
        if (vma.flags.shared && vma.protection.writable())
            table_.protect(range, page_flags(vma).without(arch::page::write) | arch::page::read, arch::PageTable::WriteRule::All);
        return true;
    });
}

// The first part of a shared mapping of an object in the range, which loses what has been looked at.
AddressSpace::ObjectPart AddressSpace::next_object_part(VirtualRange& range) {
    sync::Guard guard{lock_};
    for (const Vma* vma = first_ending_after(range.start); vma && vma->range.start < range.end; vma = areas_.next(*vma)) {
        const VirtualRange part{std::max(vma->range.start, range.start), std::min(vma->range.end, range.end)};
        range.start = part.end;
        if (vma->kind == Vma::Kind::Object && vma->flags.shared) return {vma->object, vma->object_page(part.start), part.size() / page_size};
    }
    range.start = range.end;
    return {};
}

Result<void> AddressSpace::sync(VirtualAddress start, uint64_t length, bool invalidate, bool writes_back) {
    if (!start.is_aligned(page_size)) return Error{EINVAL};
    VirtualRange range = TRY(whole_pages(start, length, ENOMEM));
    Result<void> result;
    {
        sync::Guard guard{lock_};
        result = for_each_part(range, [&](Vma& vma, VirtualRange) -> Result<void> {
            if (invalidate && vma.flags.locked) return Error{EBUSY};
            return {};
        });
    }
    if (!writes_back || result.code() == EBUSY) return result;
    while (!range.empty()) {
        const ObjectPart part = next_object_part(range);
        if (part.object) TRY(part.object->synchronize_pages(part.first, part.count));
    }
    return result;
}

}  // namespace eremite::mm

// Building an address space at boot.
#include "base/panic.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/mm/graveyard.hpp"
#include "libos/mm/limits.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::mm {

AddressSpace::AddressSpace(PhysicalAddress root, uint64_t seed, uint64_t largest_page)
    : table_{root, largest_page}, map_top_{highest_map_end - (seed % (uint64_t{1} << random_page_bits)) * page_size},
      fault_margin_{fault_margin(page_allocator().total_pages())} {
    keep_promises();
}

void AddressSpace::set_overcommit(Overcommit policy) {
    sync::Guard guard{lock_};
    overcommit_ = policy;
    keep_promises();
}

AddressSpace::~AddressSpace() {
    Graveyard graveyard;
    while (Vma* vma = areas_.root()) remove(*vma, graveyard);
    if (zero_frame_.value != 0) page_allocator().free(zero_frame_, 0);
    page_allocator().set_promised(0);
}

Result<void> AddressSpace::add_fixed(const Vma& vma, PhysicalAddress start, arch::PageFlags flags) {
    if (vma.protection.writable() && vma.protection.executable()) return Error{EACCES};
    if (vma.range.empty() || !vma.range.start.is_aligned(page_size) || !vma.range.end.is_aligned(page_size) || !start.is_aligned(page_size)) {
        return Error{EINVAL};
    }
    Graveyard graveyard;
    const Changing lock{*this};
    if (!free_range(vma.range)) return Error{EEXIST};
    if (vma.protection.readable()) flags = flags | arch::page::read;
    if (vma.protection.writable()) flags = flags | arch::page::write;
    if (vma.protection.executable()) flags = flags | arch::page::execute;
    TRY(table_.map_range(vma.range, start, flags));
    Vma* area = TRY(add_area(vma, graveyard));
    if (area->kind == Vma::Kind::Image) count_resident(*area, vma.range.size() / page_size, 0);
    return {};
}

Result<void> AddressSpace::add_image(VirtualRange range, PhysicalAddress start, Protection protection, std::string_view name) {
    Vma vma;
    vma.range = range;
    vma.kind = Vma::Kind::Image;
    vma.protection = protection;
    vma.name = name;
    return add_fixed(vma, start, arch::page::user);
}

Result<void> AddressSpace::add_kernel(VirtualRange range, PhysicalAddress start, Protection protection, bool supervisor_only, bool uncached,
                                      std::string_view name) {
    Vma vma;
    vma.range = range;
    vma.kind = Vma::Kind::Kernel;
    vma.protection = protection;
    vma.maximum = protection;
    vma.name = name;
    arch::PageFlags flags = supervisor_only ? arch::page::none : arch::page::user;
    if (uncached) flags = flags | arch::page::uncached;
    return add_fixed(vma, start, flags);
}

// When the second area fails, the gap of the first stays: the machine does not start without a stack.
Result<VirtualRange> AddressSpace::add_stack(uint64_t size) {
    size = align_up(size, page_size);
    Graveyard graveyard;
    const Changing lock{*this};
    const VirtualAddress start = TRY(find_gap(size + stack_guard_size, Placement::Anywhere));
    Vma gap;
    gap.range = {start, start + stack_guard_size};
    gap.flags.no_reserve = true;
    gap.flags.stack = true;
    Vma stack = gap;
    stack.range = {gap.range.end, gap.range.end + size};
    stack.protection = protection::read_write;
    stack.name = stack_name;
    TRY(add_area(gap, graveyard));
    TRY(add_area(stack, graveyard));
    return stack.range;
}

std::optional<uint64_t> AddressSpace::shared_identity(VirtualAddress address) {
    sync::Guard guard{lock_};
    const Vma* const vma = find(address);
    if (!vma || vma->kind != Vma::Kind::Object || !vma->flags.shared) return std::nullopt;
    // Fibonacci hashing (Knuth, vol. 3, 6.4) sets objects further apart than files are long.
    const uint64_t base = VirtualAddress{vma->object.get()}.value * 0x9e3779b97f4a7c15;
    return base + vma->object_page(address.down_to(page_size)) * page_size + address.value % page_size;
}

bool AddressSpace::is_stack_guard(VirtualAddress address) {
    sync::Guard guard{lock_};
    const Vma* const vma = find(address);
    return vma && vma->flags.stack && vma->protection == Protection{};
}

void AddressSpace::set_brk_start(VirtualAddress start) {
    const Changing lock{*this};
    brk_start_ = brk_ = start.up_to(page_size);
}

}  // namespace eremite::mm

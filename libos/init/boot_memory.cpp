#include "libos/init/boot_memory.hpp"

#include <algorithm>

#include "abi/boot_info.hpp"
#include "abi/cpu_block_offsets.h"
#include "libos/arch/kernel_stack.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/init/layout.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::init {

namespace {

// The first 64 KiB stay free: other CPUs start there, and firmware keeps its data there.
constexpr PhysicalRange low_memory{{0}, {0x10000}};
constexpr PhysicalRange start_page{{CPU_START_PAGE}, {CPU_START_PAGE + page_size}};
constexpr PhysicalAddress local_apic_registers{0xfee00000};

using Reserved = std::span<const PhysicalRange>;

// Calls visit(range) for each part of `range` that lies outside of all `reserved`, in ascending order.
template <typename A, typename Visitor>
Result<void> outside(Range<A> range, std::span<const Range<A>> reserved, Visitor&& visit) {
    while (!range.empty()) {
        // The first reserved range that still matters.
        const Range<A>* next = nullptr;
        for (const Range<A>& r : reserved)
            if (!r.empty() && r.overlaps(range) && (!next || r.start < next->start)) next = &r;
        const A end = next ? std::max(next->start, range.start) : range.end;
        if (end > range.start) TRY(visit(Range<A>{range.start, end}));
        range.start = next ? next->end : range.end;
    }
    return {};
}

PhysicalRange whole_pages(PhysicalRange r) { return {r.start.down_to(page_size), r.end.up_to(page_size)}; }

struct ReservedList {
    PhysicalRange ranges[2 + platform::max_modules];
    size_t count = 0;
    void add(PhysicalRange r) { ranges[count++] = whole_pages(r); }
    [[nodiscard]] Reserved span() const { return {ranges, count}; }
};

// Adds the part of usable memory within `window` to the page allocator.
Result<void> add_memory(const platform::MachineDescription& machine, Reserved reserved, PhysicalRange window) {
    for (size_t i = 0; i < machine.memory_count; ++i) {
        const PhysicalRange clipped{std::max(machine.memory[i].start, window.start), std::min(machine.memory[i].end, window.end)};
        TRY(outside(clipped, reserved, [](PhysicalRange usable) -> Result<void> {
            // Too small to be of use (EINVAL) is no error here.
            const auto added = mm::page_allocator().add(usable);
            return added.ok() || added.code() == EINVAL ? Result<void>{} : Result<void>{added.error()};
        }));
    }
    return {};
}

PhysicalRange physical(VirtualRange r) { return {PhysicalAddress{r.start.value}, PhysicalAddress{r.end.value}}; }

Result<void> map_direct(mm::AddressSpace& space, const platform::MachineDescription& machine) {
    PhysicalRange hidden[8];
    size_t count = 0;
    hidden[count++] = start_page;
    for (const KernelPart& part : kernel_parts())
        if (part.supervisor) hidden[count++] = physical(part.range);
    for (size_t i = 0; i < machine.memory_count; ++i) {
        TRY(outside(machine.memory[i], Reserved{hidden, count}, [&space](PhysicalRange r) {
            return space.add_kernel({direct_map(r.start), direct_map(r.end)}, r.start, mm::protection::read_write, false, false, "[direct map]");
        }));
    }
    return {};
}

// What the supervisor uses.
Result<void> map_supervisor_devices(mm::AddressSpace& space) {
    const VirtualAddress apic{LOCAL_APIC_ADDRESS};
    TRY(space.add_kernel({apic, apic + page_size}, local_apic_registers, mm::protection::read_write, true, true, "[local APIC]"));
    return space.add_kernel({direct_map(start_page.start), direct_map(start_page.end)}, start_page.start, mm::protection::read_write, true, false, "[CPU start]");
}

Result<void> map_kernel(mm::AddressSpace& space) {
    const VirtualRange guard[] = {arch::main_kernel_stack().guard};
    for (const KernelPart& part : kernel_parts()) {
        TRY(outside(part.range, std::span<const VirtualRange>{guard}, [&](VirtualRange r) {
            return space.add_kernel(r, PhysicalAddress{r.start.value}, mm::Protection{part.protection}, part.supervisor, false, part.name);
        }));
    }
    return {};
}

mm::Protection protection_of(const Elf64_Phdr& segment) {
    return mm::Protection{static_cast<uint8_t>((segment.p_flags & PF_R ? 1 : 0) | (segment.p_flags & PF_W ? 2 : 0) | (segment.p_flags & PF_X ? 4 : 0))};
}

Result<void> map_linked_program(mm::AddressSpace& space) {
    VirtualRange ours[8];
    size_t count = 0;
    for (const KernelPart& part : kernel_parts()) ours[count++] = part.range;
    VirtualAddress end{};
    for (const Elf64_Phdr& segment : image_segments()) {
        if (segment.p_type != PT_LOAD) continue;
        const VirtualRange range{VirtualAddress{align_down(segment.p_vaddr, page_size)},
                                 VirtualAddress{align_up(segment.p_vaddr + segment.p_memsz, page_size)}};
        end = std::max(end, range.end);
        TRY(outside(range, std::span<const VirtualRange>{ours, count}, [&](VirtualRange r) {
            return space.add_image(r, PhysicalAddress{r.start.value}, protection_of(segment), {});
        }));
    }
    space.set_brk_start(end);
    return {};
}

alignas(mm::AddressSpace) constinit unsigned char address_space_storage[sizeof(mm::AddressSpace)]{};

}  // namespace

Result<mm::AddressSpace*> start_memory(const platform::MachineDescription& machine, uint64_t largest_page, uint64_t seed) {
    ReservedList reserved;
    reserved.add(low_memory);
    reserved.add(image_extent());
    for (size_t i = 0; i < machine.module_count; ++i) reserved.add(machine.modules[i]);

    const PhysicalAddress boundary{abi::boot_mapped_memory};
    TRY(add_memory(machine, reserved.span(), {{0}, boundary}));
    const PhysicalAddress root = TRY(arch::PageTable::create_root());
    auto* space = new (address_space_storage) mm::AddressSpace{root, seed, largest_page};
    TRY(map_direct(*space, machine));
    TRY(map_supervisor_devices(*space));
    TRY(map_kernel(*space));
    if (has_linked_program()) TRY(map_linked_program(*space));
    arch::load_page_table(root);
    TRY(add_memory(machine, reserved.span(), {boundary, PhysicalAddress{~uint64_t{0}}}));
    return space;
}

void free_module(PhysicalRange module) {
    const auto added = mm::page_allocator().add(whole_pages(module));
    if (!added.ok()) log::debug("memory of a boot module stays unused: error {}", added.code());
}

}  // namespace eremite::init

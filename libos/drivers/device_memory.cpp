#include "libos/drivers/device_memory.hpp"

#include "libos/mm/address_space.hpp"

namespace eremite::drivers {

namespace {

constinit std::span<const PhysicalRange> ram{};

bool is_mapped(mm::AddressSpace& space, PhysicalAddress page) {
    const auto mapping = space.query(direct_map(page));
    return mapping && mapping->address == page && mapping->flags.has(arch::page::uncached);
}

}  // namespace

void set_ram(std::span<const PhysicalRange> ranges) { ram = ranges; }

bool may_hold_devices(PhysicalRange range) {
    if (range.empty() || range.end.value > direct_map_base) return false;
    for (const PhysicalRange& r : ram)
        if (r.overlaps(range)) return false;
    return true;
}

Result<VirtualAddress> map_device_memory(PhysicalRange range) {
    if (!may_hold_devices(range)) return Error{EINVAL};
    mm::AddressSpace& space = mm::kernel_address_space();
    const PhysicalAddress end = range.end.up_to(page_size);
    for (PhysicalAddress at = range.start.down_to(page_size); at < end;) {
        // As many pages at once as are not mapped yet.
        PhysicalAddress stop = at;
        while (stop < end && !is_mapped(space, stop)) stop += page_size;
        if (stop == at) {
            at += page_size;
            continue;
        }
        const auto mapped = space.add_kernel({direct_map(at), direct_map(stop)}, at, mm::protection::read_write, false, true, "[device]");
        // Another CPU may have been faster.
        if (!mapped.ok() && !(mapped.code() == EEXIST && is_mapped(space, at))) return mapped.code() == EEXIST ? Error{EBUSY} : mapped.error();
        at = mapped.ok() ? stop : at + page_size;
    }
    return direct_map(range.start);
}

}  // namespace eremite::drivers

#include "libos/vdso/map.hpp"

#include <bit>
#include <cstring>

#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/vdso/data.hpp"

extern const char eremite_vdso_start[], eremite_vdso_end[];

namespace eremite::vdso {

namespace {

// Below the end of the program's addresses, where nothing else is put as long as there is room.
constexpr VirtualAddress place{user_address_end - 0x10000};

}  // namespace

Result<VirtualAddress> map(mm::AddressSpace& space) {
    const auto size = static_cast<uint64_t>(eremite_vdso_end - eremite_vdso_start);
    const uint64_t image_size = align_up(size, page_size);
    const auto order = static_cast<unsigned>(std::bit_width(image_size / page_size - 1));
    const PhysicalAddress data = TRY(mm::page_allocator().allocate(0));
    const PhysicalAddress image = TRY(mm::page_allocator().allocate(order));
    std::memset(direct_map(data).as<void>(), 0, page_size);
    platform::publish_clock(*direct_map(data).as<Data>());
    std::memset(direct_map(image).as<void>(), 0, image_size);
    std::memcpy(direct_map(image).as<void>(), eremite_vdso_start, size);
    const VirtualAddress header = place + page_size;
    TRY(space.add_kernel({place, header}, data, mm::protection::read, false, false, "[vvar]"));
    TRY(space.add_kernel({header, header + image_size}, image, mm::protection::read_execute, false, false, "[vdso]"));
    return header;
}

}  // namespace eremite::vdso

// Any file as the program. The source aborts on a read outside of the file. The seed comes from the padding of e_ident.
#include <cstdint>
#include <cstring>

#include "tests/fuzz/boot/require.hpp"
#include "tests/unit/init/executable.hpp"

using namespace eremite;
using test::require;

namespace {

constexpr VirtualRange kernel{VirtualAddress{0x10'0000}, VirtualAddress{0x20'0000}};

void check(mm::AddressSpace& space, const init::Program& program) {
    bool entry_found = false, headers_found = program.headers == VirtualAddress{};
    std::vector<mm::VmaInfo> areas;
    space.for_each([&](const mm::VmaInfo& area) { areas.push_back(area); });
    for (const mm::VmaInfo& area : areas) {
        require(!(area.protection.writable() && area.protection.executable()));
        if (area.kernel) {
            require(area.range == kernel);
            continue;
        }
        require(area.range.start.value >= 0x10000 && area.range.end.value <= user_address_end && !area.range.overlaps(kernel));
        if (area.protection.executable() && area.range.contains(program.entry)) entry_found = true;
        if (area.range.contains(program.headers)) headers_found = true;
        // What is readable can be read.
        if (area.protection.readable()) require(test::reach(space, area.range.start, mm::Access::Read) != nullptr);
    }
    require(entry_found && headers_found);
    require(program.text.contains(program.entry));
    const VirtualAddress heap = space.brk({});
    for (const mm::VmaInfo& area : areas) require(area.kernel || area.range.end <= heap);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const uint64_t free_before = test::start_machine();
    {
        mm::AddressSpace space{arch::PageTable::create_root().value()};
        require(space.add_kernel(kernel, PhysicalAddress{kernel.start.value}, mm::protection::read_execute, false).ok());
        uint64_t seed = 0;
        if (size >= EI_NIDENT) std::memcpy(&seed, data + EI_NIDENT - sizeof seed, sizeof seed);
        test::BytesSource source{space, {data, data + size}};
        std::string_view reason;
        const auto program = init::load_executable(space, source, seed, reason);
        require(program.ok() == reason.empty());
        if (program.ok()) check(space, program.value());
        else require(program.code() == ENOEXEC || program.code() == ENOMEM);
    }
    require(mm::page_allocator().free_pages() == free_before);
    return 0;
}

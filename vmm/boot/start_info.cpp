#include "vmm/boot/start_info.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "vmm/boot/acpi.hpp"
#include "vmm/error.hpp"

namespace eremite::vmm {

namespace {

constexpr uint32_t start_info_magic = 0x336ec578;
enum MemoryType : uint32_t { Usable = 1, Reserved = 2, AcpiTables = 3 };

struct StartInfo {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp, memory_map;
    uint32_t memory_map_entries, reserved;
};
struct Module {
    uint64_t address, size, command_line, reserved;
};
struct MemoryMapEntry {
    uint64_t address, size;
    uint32_t type, reserved;
};

// The first MiB as on a PC: all of this stands in memory that the image may use once it has read it.
constexpr uint64_t start_info_at = 0x10000, modules_at = 0x10100, memory_map_at = 0x10200, command_line_at = 0x11000;
constexpr uint64_t usable_low_end = 0xa0000, page = 4096;
constexpr uint64_t most_command_line = usable_low_end - command_line_at - 1;

std::vector<MemoryMapEntry> memory_map(const GuestMemory& memory) {
    const std::span<const GuestMemory::Region> regions = memory.regions();
    std::vector<MemoryMapEntry> map{{0, usable_low_end, Usable, 0},
                                    {usable_low_end, acpi_tables_start - usable_low_end, Reserved, 0},
                                    {acpi_tables_start, acpi_tables_end - acpi_tables_start, AcpiTables, 0},
                                    {acpi_tables_end, regions[0].bytes.size() - acpi_tables_end, Usable, 0}};
    for (const GuestMemory::Region& region : regions.subspan(1)) map.push_back({region.address, region.bytes.size(), Usable, 0});
    return map;
}

}  // namespace

uint32_t write_start_info(const GuestMemory& memory, const BootData& data) {
    const uint64_t low = memory.regions()[0].bytes.size();
    if (low <= acpi_tables_end) throw Error{"the machine's memory is too small: use --memory 2M or more"};
    if (data.command_line.size() > most_command_line) throw Error{"the arguments and environment variables are too long"};
    const auto write = [&memory](uint64_t at, const void* from, size_t size) {
        if (size != 0) std::memcpy(memory.piece(at, size).data(), from, size);
    };
    StartInfo info{};
    info.magic = start_info_magic;
    info.version = 1;
    if (!data.module.empty()) {
        // At the end of memory, as far away from the image's own as can be.
        const uint64_t size = (data.module.size() + page - 1) / page * page;
        if (size > low || low - size < std::max(data.image_end, acpi_tables_end))
            throw Error{"the program and its files do not fit into the machine's memory: use a larger --memory"};
        const Module module{(low - size) / page * page, data.module.size(), 0, 0};
        write(module.address, data.module.data(), data.module.size());
        write(modules_at, &module, sizeof module);
        info.module_count = 1;
        info.modules = modules_at;
    }
    write(command_line_at, data.command_line.c_str(), data.command_line.size() + 1);
    info.command_line = command_line_at;
    const std::vector<MemoryMapEntry> map = memory_map(memory);
    write(memory_map_at, map.data(), map.size() * sizeof map[0]);
    info.memory_map = memory_map_at;
    info.memory_map_entries = static_cast<uint32_t>(map.size());
    info.rsdp = write_acpi_tables(memory, data.cpus);
    write(start_info_at, &info, sizeof info);
    return start_info_at;
}

}  // namespace eremite::vmm

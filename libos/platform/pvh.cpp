#include "libos/platform/pvh.hpp"

#include <algorithm>
#include <cstring>

namespace eremite::platform {

namespace {

struct StartInfo {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, acpi_root, memory_map;
    uint32_t memory_map_count, reserved;
};
struct Module {
    uint64_t address, size, command_line, reserved;
};
struct MemoryRange {
    uint64_t address, size;
    uint32_t type, reserved;
};
constexpr uint32_t start_info_magic = 0x336ec578;
constexpr uint32_t memory_type_ram = 1;

// A checked view of physical memory.
struct View {
    const uint8_t* base;
    uint64_t size;

    template <typename T>
    Result<T> read(uint64_t address) const {
        if (address > size || sizeof(T) > size - address) return Error{EFAULT};
        T value;
        std::memcpy(&value, base + address, sizeof(T));
        return value;
    }
};

Result<void> read_command_line(const View& view, uint64_t address, MachineDescription& out) {
    if (address == 0) return {};
    if (address >= view.size) return Error{EFAULT};
    const uint64_t room = view.size - address;
    const uint64_t limit = room < max_command_line ? room : max_command_line;
    const void* end = std::memchr(view.base + address, 0, limit);
    if (!end) return Error{limit == room ? EFAULT : E2BIG};
    out.command_line_length = static_cast<size_t>(static_cast<const uint8_t*>(end) - (view.base + address));
    std::memcpy(out.command_line, view.base + address, out.command_line_length);
    return {};
}

// What the direct map can hold.
constexpr uint64_t reachable_end = direct_map_base;

// Adds usable memory, joined with what it overlaps or touches: a VMM may describe the same memory twice.
void add_memory(const MemoryRange& range, MachineDescription& out) {
    if (range.type != memory_type_ram || range.size == 0) return;
    const uint64_t end = range.size > reachable_end - std::min(range.address, reachable_end) ? reachable_end : range.address + range.size;
    if (range.address >= reachable_end || end != range.address + range.size) out.memory_left_out = true;
    if (range.address >= reachable_end) return;
    PhysicalRange joined{{align_up(range.address, page_size)}, {align_down(end, page_size)}};
    if (joined.empty()) return;
    size_t kept = 0;
    for (size_t i = 0; i < out.memory_count; ++i) {
        const PhysicalRange& other = out.memory[i];
        if (other.start <= joined.end && joined.start <= other.end) joined = {std::min(other.start, joined.start), std::max(other.end, joined.end)};
        else out.memory[kept++] = other;
    }
    out.memory_count = kept;
    if (kept == max_memory_ranges) out.memory_left_out = true;
    else out.memory[out.memory_count++] = joined;
}

Result<void> add_module(const Module& module, MachineDescription& out) {
    if (module.size == 0) return {};
    if (module.address + module.size < module.address) return Error{EINVAL};
    const PhysicalRange range{{module.address}, {module.address + module.size}};
    const bool in_memory = std::any_of(out.memory, out.memory + out.memory_count, [&](const PhysicalRange& r) { return r.contains(range); });
    if (!in_memory) return Error{EFAULT};
    if (out.module_count == max_modules) return Error{E2BIG};
    out.modules[out.module_count++] = range;
    return {};
}

}  // namespace

uint64_t MachineDescription::total_memory() const {
    uint64_t sum = 0;
    for (size_t i = 0; i < memory_count; ++i) sum += memory[i].size();
    return sum;
}

Result<void> parse_start_info(PhysicalAddress start_info, const uint8_t* map, uint64_t map_size, MachineDescription& out) {
    const View view{map, map_size};
    const StartInfo info = TRY(view.read<StartInfo>(start_info.value));
    if (info.magic != start_info_magic) return Error{EINVAL};
    if (info.version < 1) return Error{ENOTSUP};
    out.acpi_root = PhysicalAddress{info.acpi_root};
    for (uint32_t i = 0; i < info.memory_map_count; ++i) add_memory(TRY(view.read<MemoryRange>(info.memory_map + i * sizeof(MemoryRange))), out);
    for (uint32_t i = 0; i < info.module_count; ++i) TRY(add_module(TRY(view.read<Module>(info.modules + i * sizeof(Module))), out));
    return read_command_line(view, info.command_line, out);
}

}  // namespace eremite::platform

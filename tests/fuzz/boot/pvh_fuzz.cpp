// The PVH start info in any physical memory. Input: two bytes with the address of the start info, then the memory.
#include <cstdint>
#include <memory>
#include <vector>

#include "libos/platform/pvh.hpp"
#include "tests/fuzz/boot/require.hpp"

using namespace eremite;
using test::require;

namespace {

void check(const platform::MachineDescription& machine) {
    require(machine.memory_count <= platform::max_memory_ranges && machine.module_count <= platform::max_modules);
    uint64_t total = 0;
    for (size_t i = 0; i < machine.memory_count; ++i) {
        const PhysicalRange& range = machine.memory[i];
        require(!range.empty() && range.start.is_aligned(page_size) && range.end.is_aligned(page_size) && range.end.value <= direct_map_base);
        total += range.size();
        for (size_t j = 0; j < i; ++j) require(range.end < machine.memory[j].start || machine.memory[j].end < range.start);
    }
    require(machine.total_memory() == total);
    for (size_t i = 0; i < machine.module_count; ++i) {
        bool in_memory = false;
        for (size_t j = 0; j < machine.memory_count; ++j) in_memory = in_memory || machine.memory[j].contains(machine.modules[i]);
        require(in_memory && !machine.modules[i].empty());
    }
    require(machine.command_line_length < platform::max_command_line);
    require(machine.arguments().find('\0') == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const PhysicalAddress start_info{uint64_t{data[0]} | uint64_t{data[1]} << 8};
    // Of the exact size, so that AddressSanitizer sees a read behind it.
    const std::vector<uint8_t> memory(data + 2, data + size);
    const auto machine = std::make_unique<platform::MachineDescription>();
    const auto parsed = parse_start_info(start_info, memory.data(), memory.size(), *machine);
    if (parsed.ok()) check(*machine);
    else require(parsed.code() == EINVAL || parsed.code() == ENOTSUP || parsed.code() == EFAULT || parsed.code() == E2BIG);
    return 0;
}

#include "libos/platform/pvh.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace eremite::test {
namespace {

using platform::MachineDescription;
using platform::max_command_line;
using platform::max_memory_ranges;
using platform::max_modules;

constexpr uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;
constexpr uint32_t ram = 1, reserved = 2;

// Physical memory with a start info, laid out as xen/include/public/arch-x86/hvm/start_info.h says.
class Monitor {
public:
    static constexpr uint64_t info_at = 0x1000, map_at = 0x2000, modules_at = 0x8000, command_line_at = 0x10000, view_size = 0x20000;

    Monitor() {
        put<uint32_t>(info_at + 0, 0x336ec578);
        put<uint32_t>(info_at + 4, 1);
        put<uint64_t>(info_at + 24, command_line_at);
        put<uint64_t>(info_at + 32, 0xf59e0);
        put<uint64_t>(info_at + 40, map_at);
    }
    template <typename T>
    void put(uint64_t address, T value) {
        std::memcpy(&memory_[address], &value, sizeof value);
    }
    Monitor& memory(uint64_t address, uint64_t size, uint32_t type = ram) {
        const uint64_t entry = map_at + 24 * uint64_t{ranges_};
        put(entry, address);
        put(entry + 8, size);
        put(entry + 16, type);
        put<uint32_t>(info_at + 48, ++ranges_);
        return *this;
    }
    Monitor& module(uint64_t address, uint64_t size) {
        const uint64_t entry = modules_at + 32 * uint64_t{modules_};
        put<uint64_t>(info_at + 16, modules_at);
        put(entry, address);
        put(entry + 8, size);
        put<uint32_t>(info_at + 12, ++modules_);
        return *this;
    }
    Monitor& arguments(const std::string& text) {
        std::memcpy(&memory_[command_line_at], text.c_str(), text.size() + 1);
        return *this;
    }
    // The errno, or 0.
    int parse(uint64_t start_info = info_at) {
        out = std::make_unique<MachineDescription>();
        // A copy of the exact size, so that AddressSanitizer sees a read behind it.
        const std::vector<uint8_t> view{memory_.begin(), memory_.begin() + static_cast<ptrdiff_t>(size)};
        return platform::parse_start_info(PhysicalAddress{start_info}, view.data(), view.size(), *out).code();
    }
    [[nodiscard]] std::vector<std::pair<uint64_t, uint64_t>> ranges() const {
        std::vector<std::pair<uint64_t, uint64_t>> all;
        for (size_t i = 0; i < out->memory_count; ++i) all.emplace_back(out->memory[i].start.value, out->memory[i].end.value);
        return all;
    }
    std::unique_ptr<MachineDescription> out;
    uint64_t size = view_size;

private:
    std::vector<uint8_t> memory_ = std::vector<uint8_t>(view_size + max_command_line);
    uint32_t ranges_ = 0, modules_ = 0;
};

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

TEST(StartInfo, OrdinaryMachine) {
    Monitor monitor;
    monitor.memory(0, 0x9fc00).memory(0x9fc00, 0x400, reserved).memory(mib, 127 * mib).memory(4 * gib, gib).arguments("log=info -- a b");
    monitor.module(2 * mib, 123).module(3 * mib, 0).module(4 * mib, 5 * mib);
    ASSERT_EQ(monitor.parse(), 0);
    EXPECT_EQ(monitor.ranges(), (Ranges{{0, 0x9f000}, {mib, 128 * mib}, {4 * gib, 5 * gib}}));
    EXPECT_EQ(monitor.out->total_memory(), 0x9f000 + 127 * mib + gib);
    EXPECT_FALSE(monitor.out->memory_left_out);
    ASSERT_EQ(monitor.out->module_count, 2u);
    EXPECT_EQ(monitor.out->modules[0], (PhysicalRange{{2 * mib}, {2 * mib + 123}}));
    EXPECT_EQ(monitor.out->modules[1], (PhysicalRange{{4 * mib}, {9 * mib}}));
    EXPECT_EQ(monitor.out->arguments(), "log=info -- a b");
    EXPECT_EQ(monitor.out->acpi_root, PhysicalAddress{0xf59e0});
}

TEST(StartInfo, NothingButTheHeader) {
    Monitor monitor;
    monitor.put<uint64_t>(Monitor::info_at + 24, 0);
    monitor.put<uint64_t>(Monitor::info_at + 40, 0);
    ASSERT_EQ(monitor.parse(), 0);
    EXPECT_EQ(monitor.out->memory_count + monitor.out->module_count + monitor.out->command_line_length, 0u);
}

TEST(StartInfo, ForeignOrOld) {
    Monitor monitor;
    monitor.put<uint32_t>(Monitor::info_at, 0x336ec579);
    EXPECT_EQ(monitor.parse(), EINVAL);
    Monitor old;
    old.put<uint32_t>(Monitor::info_at + 4, 0);
    EXPECT_EQ(old.parse(), ENOTSUP);
    Monitor newer;
    newer.put<uint32_t>(Monitor::info_at + 4, 7);
    EXPECT_EQ(newer.parse(), 0);
}

TEST(StartInfo, TablesBeyondTheView) {
    const uint64_t end = Monitor::view_size;
    for (const uint64_t address : {end, end - 1, end - 55, end + 1, ~uint64_t{0}, ~uint64_t{0} - 55}) EXPECT_EQ(Monitor{}.parse(address), EFAULT) << address;
    for (const uint64_t address : {end, end - 23, ~uint64_t{0}, ~uint64_t{0} - 23}) {
        Monitor map;
        map.memory(0, mib);
        map.put(Monitor::info_at + 40, address);
        EXPECT_EQ(map.parse(), EFAULT) << address;
        Monitor modules;
        modules.memory(0, mib).module(0, page_size);
        modules.put(Monitor::info_at + 16, address);
        EXPECT_EQ(modules.parse(), EFAULT) << address;
        Monitor line;
        line.put(Monitor::info_at + 24, address == end - 23 ? end + 5 : address);
        EXPECT_EQ(line.parse(), EFAULT) << address;
    }
    // Counts that lead beyond.
    Monitor many;
    many.put<uint32_t>(Monitor::info_at + 48, ~uint32_t{0});
    EXPECT_EQ(many.parse(), EFAULT);
    Monitor many_modules;
    many_modules.put<uint64_t>(Monitor::info_at + 16, Monitor::modules_at);
    many_modules.put<uint32_t>(Monitor::info_at + 12, ~uint32_t{0});
    EXPECT_EQ(many_modules.parse(), EFAULT);
}

TEST(StartInfo, CommandLineLength) {
    Monitor fits;
    fits.arguments(std::string(max_command_line - 1, 'x'));
    ASSERT_EQ(fits.parse(), 0);
    EXPECT_EQ(fits.out->command_line_length, max_command_line - 1);
    Monitor too_long;
    too_long.arguments(std::string(max_command_line, 'x'));
    EXPECT_EQ(too_long.parse(), E2BIG);
    // No zero until the end of the view.
    Monitor open;
    open.arguments(std::string(100, 'x'));
    open.size = Monitor::command_line_at + 100;
    EXPECT_EQ(open.parse(), EFAULT);
    open.size = Monitor::command_line_at + 101;
    EXPECT_EQ(open.parse(), 0);
}

TEST(StartInfo, MemoryIsCutToWholePages) {
    Monitor monitor;
    monitor.memory(1, 2 * page_size).memory(10 * page_size + 1, page_size - 2).memory(20 * page_size, 100).memory(30 * page_size, 0);
    ASSERT_EQ(monitor.parse(), 0);
    EXPECT_EQ(monitor.ranges(), (Ranges{{page_size, 2 * page_size}}));
}

TEST(StartInfo, OverlappingMemoryCountsOnce) {
    Monitor monitor;
    monitor.memory(mib, mib).memory(4 * mib, mib).memory(0, mib / 2).memory(mib, mib).memory(mib + 64 * kib, 32 * kib);
    ASSERT_EQ(monitor.parse(), 0);
    EXPECT_EQ(monitor.ranges().size(), 3u);
    EXPECT_EQ(monitor.out->total_memory(), 2 * mib + mib / 2);
    // One that bridges all of them.
    monitor.memory(256 * kib, 4 * mib);
    ASSERT_EQ(monitor.parse(), 0);
    EXPECT_EQ(monitor.ranges(), (Ranges{{0, 5 * mib}}));
}

TEST(StartInfo, TouchingMemoryIsJoined) {
    Monitor monitor;
    monitor.memory(2 * mib, mib).memory(mib, mib).module(mib, 2 * mib);
    ASSERT_EQ(monitor.parse(), 0);
    EXPECT_EQ(monitor.ranges(), (Ranges{{mib, 3 * mib}}));
}

TEST(StartInfo, MemoryAtTheEndOfTheAddressSpace) {
    const uint64_t last = ~uint64_t{0};
    const std::pair<uint64_t, uint64_t> odd[] = {{last - 4094, 4094}, {last - 4094, 4095}, {last - 4094, 4096}, {last, 1}, {last, last}, {direct_map_base, gib}};
    for (const auto& [address, size] : odd) {
        Monitor monitor;
        monitor.memory(address, size);
        ASSERT_EQ(monitor.parse(), 0);
        EXPECT_TRUE(monitor.ranges().empty()) << address << " " << size;
        EXPECT_TRUE(monitor.out->memory_left_out);
    }
    Monitor half;
    half.memory(gib, last);
    ASSERT_EQ(half.parse(), 0);
    EXPECT_EQ(half.ranges(), (Ranges{{gib, direct_map_base}}));
    EXPECT_TRUE(half.out->memory_left_out);
    Monitor exact;
    exact.memory(direct_map_base - gib, gib);
    ASSERT_EQ(exact.parse(), 0);
    EXPECT_FALSE(exact.out->memory_left_out);
}

TEST(StartInfo, MoreMemoryRangesThanWeKeep) {
    Monitor monitor;
    for (uint64_t i = 0; i < max_memory_ranges + 5; ++i) monitor.memory(i * mib, 64 * kib);
    ASSERT_EQ(monitor.parse(), 0);
    EXPECT_EQ(monitor.out->memory_count, max_memory_ranges);
    EXPECT_TRUE(monitor.out->memory_left_out);
}

TEST(StartInfo, Modules) {
    Monitor full;
    full.memory(0, gib);
    for (uint64_t i = 0; i < max_modules; ++i) full.module(i * mib, mib);
    ASSERT_EQ(full.parse(), 0);
    EXPECT_EQ(full.out->module_count, max_modules);
    full.module(600 * mib, 1);
    EXPECT_EQ(full.parse(), E2BIG);

    for (const uint64_t address : {gib, gib - 1, ~uint64_t{0} - 1}) {
        Monitor outside;
        outside.memory(0, gib).module(address, 2);
        EXPECT_EQ(outside.parse(), address > gib ? EINVAL : EFAULT) << address;
    }
    Monitor endless;
    endless.memory(0, gib).module(mib, ~uint64_t{0});
    EXPECT_EQ(endless.parse(), EINVAL);
}

}  // namespace
}  // namespace eremite::test

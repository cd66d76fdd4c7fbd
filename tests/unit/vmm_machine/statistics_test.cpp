#include "vmm/statistics.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace eremite::test {
namespace {

class NoRegisters final : public vmm::Registers {
public:
    void read(uint64_t, std::span<std::byte>) override {}
    void write(uint64_t, std::span<const std::byte>) override {}
};

uint64_t figure(const vmm::Figures& figures, std::string_view name) {
    const auto found = std::find_if(figures.begin(), figures.end(), [name](const auto& figure) { return figure.first == name; });
    EXPECT_NE(found, figures.end()) << name;
    return found == figures.end() ? 0 : found->second;
}

TEST(Statistics, ExitsOfAllProcessorsTogether) {
    NoRegisters registers;
    vmm::Bus ports, memory;
    ports.add(0x3f8, 8, registers, "serial");
    memory.add(0xd0000000, 0x1000, registers, "entropy");
    vmm::kvm::ExitCounts first, second;
    first.ports = {3, 1};
    first.memory = {5, 0};
    first.halts = 2;
    second.ports = {4, 0};
    // The third has not run.
    const vmm::kvm::ExitCounts third;
    const std::array<const vmm::kvm::ExitCounts*, 3> all{&first, &second, &third};
    const vmm::Figures figures = vmm::count_exits(all, ports, memory);
    EXPECT_EQ(figure(figures, "cell.exits.total"), 15U);
    EXPECT_EQ(figure(figures, "cell.exits.port.serial"), 7U);
    EXPECT_EQ(figure(figures, "cell.exits.port.nobody"), 1U);
    EXPECT_EQ(figure(figures, "cell.exits.mmio.entropy"), 5U);
    EXPECT_EQ(figure(figures, "cell.exits.halt"), 2U);
    EXPECT_EQ(figure(figures, "cell.exits.shutdown"), 0U);
}

TEST(Statistics, MemoryOfTheMachineIsWhatItTouched) {
    constexpr size_t page = 4096, touched = 100;
    vmm::GuestMemory memory{64 << 20};
    memory.open_page_map();
    const vmm::ProcessStatistics statistics;
    const uint64_t faults = figure(statistics.figures(memory), "cell.faults.minor");
    EXPECT_EQ(figure(statistics.figures(memory), "cell.memory.guest"), 0U);
    for (size_t i = 0; i < touched; ++i) memory.piece(i * 16 * page, 1)[0] = std::byte{1};
    const vmm::Figures figures = statistics.figures(memory);
    EXPECT_GE(figure(figures, "cell.memory.guest"), touched * page);
    EXPECT_GT(figure(figures, "cell.faults.minor"), faults);
    EXPECT_GT(figure(figures, "cell.memory.monitor"), page);
}

TEST(ExitTrace, ALineEach) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const vmm::UniqueFd read_end{ends[0]}, write_end{ends[1]};
    const vmm::kvm::ExitTrace trace{write_end.get()};
    const std::array value{std::byte{0x34}, std::byte{0x12}};
    trace.access(1, "out", 0x3f8, value);
    trace.event(0, "halt");
    std::array<char, 512> buffer{};
    const ssize_t got = ::read(read_end.get(), buffer.data(), buffer.size());
    ASSERT_GT(got, 0);
    const std::string text{buffer.data(), static_cast<size_t>(got)};
    EXPECT_NE(text.find(" cpu1 out address 0x3f8 size 2 value 0x1234\n"), text.npos) << text;
    EXPECT_NE(text.find(" cpu0 halt\n"), text.npos) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

}  // namespace
}  // namespace eremite::test

// A machine of /dev/kvm under a debugger: what it comes to in ring 0, before it has page tables or handlers.
#include "vmm/gdb/kvm_target.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "vmm/kvm/cpuid.hpp"

namespace eremite::vmm::gdb {
namespace {

using Kind = Breakpoint::Kind;

constexpr uint64_t code_at = 0x100000, number_at = 0x180000;
// inc %eax; nop; mov %eax,(%ebx); nop; jmp to the start.
constexpr uint8_t code[] = {0x40, 0x90, 0x89, 0x03, 0x90, 0xeb, 0xf9};
constexpr uint64_t store = code_at + 2, behind_store = code_at + 4;

class DebuggedMachine : public testing::Test {
protected:
    void SetUp() override {
        if (::access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "there is no usable /dev/kvm";
        kvm::Cpu::prepare_process();
        system.emplace();
        machine.emplace(*system, memory);
        for (unsigned i = 0; i < 2; ++i) cpus.push_back(std::make_unique<kvm::Cpu>(*system, *machine, i, kvm::cpuid_of(kvm::supported_cpuid(*system, 0), i, 2)));
        std::ranges::copy(std::as_bytes(std::span{code}), memory.piece(code_at, sizeof code).begin());
        cpus[0]->start_at(code_at, number_at);
        target.emplace(Debuggee{.system = *system, .memory = memory, .cpus = cpus, .image_start = code_at, .image_end = code_at + sizeof code, .kill = [] {}},
                       [this](const Stop& stop) { stops.push_back(stop); });
        for (const auto& cpu : cpus) threads.emplace_back([&cpu, this] { EXPECT_EQ(cpu->run(bus, bus), kvm::Cpu::End::Stopped); });
        target->stop();
    }
    void TearDown() override {
        for (const auto& cpu : cpus) cpu->stop();
        for (std::thread& thread : threads) thread.join();
    }

    uint64_t value(Register number) {
        RegisterFile file;
        EXPECT_TRUE(target->read_registers(0, file));
        return file.value(number);
    }
    // Lets the first processor go, both if it is to go on, and gives why it stands again.
    Stop go(Action action) {
        const Action other{.kind = action.kind == Action::Kind::Continue ? Action::Kind::Continue : Action::Kind::Stand};
        const size_t before = stops.size();
        target->resume(std::array{action, other});
        while (stops.size() == before) {
            pollfd wait{.fd = target->event(), .events = POLLIN, .revents = 0};
            EXPECT_EQ(::poll(&wait, 1, -1), 1);
            target->look();
        }
        return stops.back();
    }

    GuestMemory memory{uint64_t{4} << 20};
    std::optional<kvm::System> system;
    std::optional<kvm::VirtualMachine> machine;
    std::vector<std::unique_ptr<kvm::Cpu>> cpus;
    Bus bus;
    std::vector<Stop> stops;
    std::optional<KvmTarget> target;
    std::vector<std::thread> threads;
};

constexpr Action step{.kind = Action::Kind::Step}, go_on{.kind = Action::Kind::Continue};

TEST_F(DebuggedMachine, StandsBeforeItsFirstInstruction) {
    EXPECT_EQ(value(Rip), code_at);
    EXPECT_EQ(value(Rax), 0U);
    EXPECT_EQ(value(Rbx), number_at);
    EXPECT_EQ(target->processors(), 2U);
    EXPECT_EQ(target->describe(1), "CPU 1 (not started)");
}

TEST_F(DebuggedMachine, Steps) {
    EXPECT_EQ(go(step).reason, Stop::Reason::Stepped);
    EXPECT_EQ(value(Rip), code_at + 1);
    EXPECT_EQ(value(Rax), 1U);
    // A range, which it leaves at its end.
    EXPECT_EQ(go({.kind = Action::Kind::Step, .from = code_at, .end = behind_store}).reason, Stop::Reason::Stepped);
    EXPECT_EQ(value(Rip), behind_store);
}

TEST_F(DebuggedMachine, BreakpointIsAtItsInstruction) {
    const Breakpoint breakpoint{Kind::Software, store};
    for (uint64_t round = 1; round <= 3; ++round) {
        EXPECT_EQ(target->insert(0, breakpoint), Target::Insertion::Done);
        const Stop stop = go(go_on);
        EXPECT_EQ(stop.reason, Stop::Reason::SoftwareBreakpoint);
        EXPECT_EQ(stop.processor, 0U);
        EXPECT_EQ(value(Rip), store);
        EXPECT_EQ(value(Rax), round);
        std::array<std::byte, 2> seen{};
        EXPECT_EQ(target->read_memory(0, store, seen), seen.size());
        EXPECT_EQ(seen[0], std::byte{code[2]});
        target->remove(breakpoint);
        EXPECT_EQ(go(step).reason, Stop::Reason::Stepped);
        EXPECT_EQ(value(Rip), behind_store);
    }
}

TEST_F(DebuggedMachine, HardwareBreakpoint) {
    EXPECT_EQ(target->insert(0, {Kind::Hardware, behind_store}), Target::Insertion::Done);
    EXPECT_EQ(go(go_on).reason, Stop::Reason::HardwareBreakpoint);
    EXPECT_EQ(value(Rip), behind_store);
}

TEST_F(DebuggedMachine, WatchpointIsBehindTheInstructionThatWrites) {
    const Breakpoint watch{Kind::WatchWrites, number_at, 4};
    EXPECT_EQ(target->insert(0, watch), Target::Insertion::Done);
    const Stop stop = go(go_on);
    EXPECT_EQ(stop.reason, Stop::Reason::WatchWrites);
    EXPECT_EQ(stop.address, number_at);
    EXPECT_EQ(value(Rip), behind_store);
    EXPECT_EQ(memory.piece(number_at, 1)[0], std::byte{1});
    EXPECT_EQ(target->insert(0, {Kind::WatchReads, number_at, 4}), Target::Insertion::Unsupported);
}

TEST_F(DebuggedMachine, StopsWhatRuns) {
    for (int i = 0; i < 20; ++i) {
        target->resume(std::array{go_on, go_on});
        target->stop();
        const uint64_t rip = value(Rip);
        EXPECT_GE(rip, code_at);
        EXPECT_LT(rip, code_at + sizeof code);
        EXPECT_EQ(value(Rip), rip);
    }
}

TEST_F(DebuggedMachine, RegistersAndMemoryCanBeChanged) {
    RegisterFile file;
    ASSERT_TRUE(target->read_registers(0, file));
    file.set(Rax, 0x40);
    file.set(Xmm0, 0x1234);
    file.set(FsBase, 0x5678);
    ASSERT_TRUE(target->write_registers(0, file));
    EXPECT_EQ(value(Xmm0), 0x1234U);
    EXPECT_EQ(value(FsBase), 0x5678U);
    EXPECT_EQ(go(step).reason, Stop::Reason::Stepped);
    EXPECT_EQ(value(Rax), 0x41U);
    const std::array number{std::byte{7}};
    EXPECT_TRUE(target->write_memory(0, number_at, number));
    EXPECT_EQ(memory.piece(number_at, 1)[0], number[0]);
    EXPECT_FALSE(target->write_memory(0, memory.size(), number));
    std::array<std::byte, 16> bytes{};
    EXPECT_EQ(target->read_memory(0, memory.size() - 8, bytes), 8U);
}

}  // namespace
}  // namespace eremite::vmm::gdb

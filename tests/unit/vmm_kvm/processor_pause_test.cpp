// Processors that stand still in the midst of accesses.
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "vmm/kvm/cpu.hpp"
#include "vmm/kvm/cpuid.hpp"

namespace eremite::vmm::kvm {
namespace {

constexpr uint64_t code_at = 0x100000;
constexpr uint16_t port = 0x10;
constexpr uint64_t register_at = 0xd0000000;

// mov (%esi),%eax; mov %eax,%ecx; in (%dx),%eax; mov %eax,%ebx; jmp to the start: what was read stands in ecx and ebx until it is read again.
constexpr uint8_t code[] = {0x8b, 0x06, 0x89, 0xc1, 0xed, 0x89, 0xc3, 0xeb, 0xf7};
constexpr uint64_t after_memory = 2, after_port = 5;

// Each read gives the next number.
struct Counter final : Registers {
    std::atomic<uint32_t> last{0};
    void read(uint64_t, std::span<std::byte> data) override {
        const uint32_t value = ++last;
        std::ranges::copy_n(std::as_bytes(std::span{&value, 1}).begin(), static_cast<long>(std::min(data.size(), sizeof value)), data.begin());
    }
    void write(uint64_t, std::span<const std::byte>) override {}
};

struct OneProcessor {
    System system;
    GuestMemory memory{uint64_t{4} << 20};
    VirtualMachine machine{system, memory};
    Cpu cpu{system, machine, 0, supported_cpuid(system, 0)};
    Bus ports, registers;
    Counter port_counter, memory_counter;
    std::optional<std::thread> thread;

    OneProcessor() {
        Cpu::prepare_process();
        std::ranges::copy(std::as_bytes(std::span{code}), memory.piece(code_at, sizeof code).begin());
        ports.add(port, 4, port_counter);
        registers.add(register_at, 4, memory_counter);
        cpu.start_at(code_at, 0);
        kvm_regs values = general();
        values.rsi = register_at;
        values.rdx = port;
        EXPECT_EQ(::ioctl(cpu.descriptor(), KVM_SET_REGS, &values), 0);
    }
    ~OneProcessor() {
        cpu.stop();
        if (thread) thread->join();
    }
    void start() {
        thread.emplace([this] { EXPECT_EQ(cpu.run(ports, registers), Cpu::End::Stopped); });
    }
    kvm_regs general() {
        kvm_regs values{};
        EXPECT_EQ(::ioctl(cpu.descriptor(), KVM_GET_REGS, &values), 0);
        return values;
    }
};

class ProcessorPause : public testing::Test {
    void SetUp() override {
        if (::access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "there is no usable /dev/kvm";
    }
};

TEST_F(ProcessorPause, NoAccessIsHalfDone) {
    OneProcessor one;
    one.start();
    for (uint32_t seen = 0, i = 0; i < 200; ++i) {
        // It goes on between two stops.
        while (one.port_counter.last.load() <= seen) std::this_thread::yield();
        one.cpu.hold();
        one.cpu.wait_until_held();
        seen = one.port_counter.last.load();
        const kvm_regs now = one.general();
        const uint64_t at = now.rip - code_at;
        EXPECT_EQ(at == after_memory ? now.rax : now.rcx, one.memory_counter.last.load()) << at;
        EXPECT_EQ(at == after_port ? now.rax : now.rbx, seen) << at;
        one.cpu.release();
    }
}

TEST_F(ProcessorPause, HeldBeforeItsFirstInstruction) {
    OneProcessor one;
    one.cpu.hold();
    one.start();
    one.cpu.wait_until_held();
    EXPECT_EQ(one.general().rip, code_at);
    EXPECT_EQ(one.memory_counter.last.load(), 0U);
    one.cpu.release();
    while (one.memory_counter.last.load() == 0) std::this_thread::yield();
}

TEST_F(ProcessorPause, OneThatSleepsStands) {
    OneProcessor one;
    // It waits in the kernel for an interrupt that does not come.
    constexpr std::byte halt{0xf4};
    one.memory.piece(code_at, 1)[0] = halt;
    one.start();
    for (int i = 0; i < 3; ++i) {
        one.cpu.hold();
        one.cpu.wait_until_held();
        EXPECT_LE(one.general().rip, code_at + 1);
        one.cpu.release();
    }
}

TEST_F(ProcessorPause, StopEndsWhoIsHeld) {
    OneProcessor one;
    one.start();
    one.cpu.hold();
    one.cpu.wait_until_held();
    one.cpu.stop();
    one.thread->join();
    one.thread.reset();
}

}  // namespace
}  // namespace eremite::vmm::kvm

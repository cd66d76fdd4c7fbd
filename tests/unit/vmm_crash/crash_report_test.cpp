#include "vmm/crash/crash_report.hpp"

#include <asm/processor-flags.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace eremite::test {
namespace {

constexpr uint64_t page = 4096, present_writable = 3, long_mode = 0x500;

struct CrashReportTest : testing::Test {
    CrashReportTest() {
        registers.rip = 0x401000;
        special.cr0 = X86_CR0_PE;
    }
    void write(uint64_t address, uint64_t value) { std::memcpy(memory.piece(address, sizeof value).data(), &value, sizeof value); }
    // Maps a page by tables at 0x1000.
    void map(uint64_t address, uint64_t to) {
        special.cr0 = X86_CR0_PE | X86_CR0_PG;
        special.cr3 = page;
        special.cr4 = X86_CR4_PAE;
        special.efer = long_mode;
        for (unsigned level = 0; level < 3; ++level) write((level + 1) * page + (address >> (39 - 9 * level) & 511) * 8, (level + 2) * page | present_writable);
        write(4 * page + (address >> 12 & 511) * 8, to | present_writable);
    }
    [[nodiscard]] std::string report() const { return vmm::crash::crash_report(registers, special, memory); }

    vmm::GuestMemory memory{1 << 20};
    kvm_regs registers{};
    kvm_sregs special{};
};

TEST_F(CrashReportTest, RegistersAndStackWithoutPaging) {
    registers.rsp = (1 << 20) - 16;
    registers.r15 = UINT64_MAX;
    write(registers.rsp, 0x0123456789abcdef);
    const std::string text = report();
    EXPECT_TRUE(text.starts_with("crash\nregister rip 401000\nregister rsp ffff0\n")) << text;
    EXPECT_NE(text.find("\nregister r15 ffffffffffffffff\n"), text.npos) << text;
    EXPECT_TRUE(text.ends_with("\nstack ffff0 efcdab89674523010000000000000000\n")) << text;
}

TEST_F(CrashReportTest, StackByPageTables) {
    constexpr uint64_t stack = 0x7fff12345ff8;
    map(stack, 0x80000);
    write(0x80ff8, 0x55);
    registers.rsp = stack;
    // The page behind it is not mapped.
    EXPECT_TRUE(report().ends_with("\nstack 7fff12345ff8 5500000000000000\n")) << report();
}

TEST_F(CrashReportTest, StackThatIsNowhere) {
    for (const uint64_t address : {uint64_t{1} << 20, UINT64_MAX, uint64_t{1} << 47, uint64_t{0xffff800000000000}}) {
        registers.rsp = address;
        EXPECT_EQ(report().find("stack"), std::string::npos);
    }
    map(0x400000, 0x80000);
    registers.rsp = 0x500000;
    EXPECT_EQ(report().find("stack"), std::string::npos);
}

TEST_F(CrashReportTest, ALongStackIsCutAndTablesMayLeadAnywhere) {
    registers.rsp = 0;
    EXPECT_LT(report().size(), size_t{64} << 10);
    EXPECT_GT(report().size(), size_t{16} << 10);
    map(0x400000, 0xfffffffff000);
    registers.rsp = 0x400000;
    EXPECT_EQ(report().find("stack"), std::string::npos);
    // Tables that are tables of themselves.
    write(page, page | present_writable);
    registers.rsp = 0;
    EXPECT_LT(report().size(), size_t{64} << 10);
}

}  // namespace
}  // namespace eremite::test

#include "vmm/gdb/registers.hpp"

#include <gtest/gtest.h>

namespace eremite::vmm::gdb {
namespace {

TEST(RegisterFile, EachHasBytesOfItsOwn) {
    RegisterFile file;
    size_t sum = 0;
    for (size_t i = 0; i < RegisterCount; ++i) {
        EXPECT_EQ(file.bytes(i).data(), file.all().data() + sum) << i;
        sum += RegisterFile::width(i);
    }
    EXPECT_EQ(sum, RegisterFile::size);
}

// GDB's manual, appendix G.5.6 "i386 Features", and the widths of the processor's manual.
TEST(RegisterFile, WidthsAreTheProcessors) {
    EXPECT_EQ(RegisterFile::width(Rax), 8U);
    EXPECT_EQ(RegisterFile::width(Rsp), 8U);
    EXPECT_EQ(RegisterFile::width(Rip), 8U);
    EXPECT_EQ(RegisterFile::width(Eflags), 4U);
    EXPECT_EQ(RegisterFile::width(Gs), 4U);
    EXPECT_EQ(RegisterFile::width(St0 + 7), 10U);
    EXPECT_EQ(RegisterFile::width(Fop), 4U);
    EXPECT_EQ(RegisterFile::width(Xmm0 + 15), 16U);
    EXPECT_EQ(RegisterFile::width(Mxcsr), 4U);
    EXPECT_EQ(RegisterFile::width(GsBase), 8U);
}

TEST(RegisterFile, ValuesAreCutToTheWidth) {
    RegisterFile file;
    file.set(Rip, 0x1122334455667788);
    file.set(Eflags, 0xffffffff00000002);
    file.set(Cs, 0x33);
    EXPECT_EQ(file.value(Rip), 0x1122334455667788U);
    EXPECT_EQ(file.value(Eflags), 2U);
    EXPECT_EQ(file.value(Cs), 0x33U);
    EXPECT_EQ(std::to_integer<int>(file.bytes(Rip)[0]), 0x88);
}

TEST(TargetDescription, NamesEachRegisterOnce) {
    const std::string xml = target_description();
    const auto count = [&](std::string_view text) {
        size_t found = 0;
        for (size_t at = xml.find(text); at != std::string::npos; at = xml.find(text, at + 1)) ++found;
        return found;
    };
    EXPECT_EQ(count("<reg "), size_t{RegisterCount});
    EXPECT_EQ(count("<reg name=\"rax\" bitsize=\"64\" type=\"int64\" regnum=\"0\"/>"), 1U);
    EXPECT_EQ(count("<reg name=\"rip\" bitsize=\"64\" type=\"code_ptr\" regnum=\"16\"/>"), 1U);
    EXPECT_EQ(count("<reg name=\"mxcsr\" bitsize=\"32\" type=\"i386_mxcsr\" regnum=\"56\"/>"), 1U);
    EXPECT_EQ(count("<reg name=\"fs_base\" bitsize=\"64\" type=\"int\" regnum=\"57\"/>"), 1U);
    EXPECT_EQ(count("<feature "), count("</feature>"));
}

}  // namespace
}  // namespace eremite::vmm::gdb

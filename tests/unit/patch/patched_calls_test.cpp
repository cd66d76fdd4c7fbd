#include "libos/arch/x86_64/patch/patched_calls.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

#include "libos/arch/x86_64/patch/site.hpp"

namespace eremite::arch::patch {
namespace {

constexpr VirtualAddress trampolines{0x3f1000};

PatchedCalls::Call call(size_t index) { return {0x401020 + 64 * index, 0x401036 + 64 * index, trampolines + index * trampoline_size}; }

TEST(PatchedCalls, LeadBackToTheirSites) {
    PatchedCalls calls;
    ASSERT_TRUE(calls.add(call(0)));
    ASSERT_TRUE(calls.add(call(2)));  // the trampoline between them was not used
    for (const size_t index : {0, 2}) {
        const auto [site, hole, trampoline] = call(index);
        EXPECT_EQ(calls.site_of(hole), site);
        for (size_t offset = 0; offset < trampoline_size; ++offset) EXPECT_EQ(calls.site_of(trampoline + offset), site);
    }
    EXPECT_EQ(calls.site_of(call(1).hole), std::nullopt);
    EXPECT_EQ(calls.site_of(call(1).trampoline), std::nullopt);
}

TEST(PatchedCalls, GoOnAtTheirHoles) {
    PatchedCalls calls;
    EXPECT_EQ(calls.hole_of(call(0).site), std::nullopt);
    for (size_t index = 0; index < 3; ++index) ASSERT_TRUE(calls.add(call(index)));
    for (size_t index = 0; index < 3; ++index) EXPECT_EQ(calls.hole_of(call(index).site), call(index).hole);
    for (const uint64_t at : {uint64_t{0}, call(3).site.value, call(1).hole.value, call(1).site.value + 1, call(1).site.value - 1, call(1).trampoline.value})
        EXPECT_EQ(calls.hole_of(VirtualAddress{at}), std::nullopt) << std::hex << at;
}

TEST(PatchedCalls, LeaveTheRestOfTheProgramAlone) {
    PatchedCalls calls;
    EXPECT_EQ(calls.site_of(VirtualAddress{}), std::nullopt);
    ASSERT_TRUE(calls.add(call(0)));
    const auto [site, hole, trampoline] = call(0);
    const std::initializer_list<VirtualAddress> others{
        {}, site, site + site_size, hole - 1, hole + 1, hole + hole_size, trampoline - 1, trampoline + trampoline_size, ~uint64_t{0}};
    for (const VirtualAddress at : others) EXPECT_EQ(calls.site_of(at), std::nullopt) << std::hex << at.value;
}

TEST(PatchedCalls, AreAsManyAsTrampolines) {
    PatchedCalls calls;
    for (size_t i = 0; i < PatchedCalls::capacity; ++i) ASSERT_TRUE(calls.add(call(i)));
    EXPECT_FALSE(calls.add(call(PatchedCalls::capacity)));
    EXPECT_EQ(calls.site_of(call(PatchedCalls::capacity - 1).hole), call(PatchedCalls::capacity - 1).site);
    EXPECT_EQ(calls.site_of(call(PatchedCalls::capacity).hole), std::nullopt);
}

}  // namespace
}  // namespace eremite::arch::patch

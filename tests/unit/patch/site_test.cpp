#include "libos/arch/x86_64/patch/site.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <random>
#include <vector>

#include "tests/unit/patch/patched_text.hpp"

namespace eremite::arch::patch {
namespace {

constexpr VirtualAddress base{0x400000};
constexpr VirtualAddress far_away{0x500000};

// Code put together piece by piece; it stands at `base`, so offsets are aligned as addresses are.
class Code {
public:
    Code& put(std::initializer_list<uint8_t> bytes) {
        bytes_.insert(bytes_.end(), bytes);
        return *this;
    }
    // Instructions of three bytes (mov %rax,%rbx), then of one, up to an offset.
    Code& body_to(size_t offset) {
        while (bytes_.size() + 3 <= offset) put({0x48, 0x89, 0xc3});
        while (bytes_.size() < offset) put({0x53});
        return *this;
    }
    // What an assembler fills in up to an offset: the longest nops first.
    Code& pad_to(size_t offset) {
        while (bytes_.size() < offset) {
            switch (std::min<size_t>(offset - bytes_.size(), 9)) {
                case 1: put({0x90}); break;
                case 2: put({0x66, 0x90}); break;
                case 3: put({0x0f, 0x1f, 0x00}); break;
                case 4: put({0x0f, 0x1f, 0x40, 0x00}); break;
                case 5: put({0x0f, 0x1f, 0x44, 0x00, 0x00}); break;
                case 6: put({0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}); break;
                case 7: put({0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00}); break;
                case 8: put({0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}); break;
                default: put({0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}); break;
            }
        }
        return *this;
    }
    Code& fill_to(size_t offset, uint8_t byte) {
        bytes_.resize(offset, byte);
        return *this;
    }
    Code& syscall() { return put({0x0f, 0x05}); }
    Code& ret() { return put({0xc3}); }
    [[nodiscard]] std::optional<Site> site(size_t offset) const { return find_site(bytes_, base, offset); }
    [[nodiscard]] std::vector<uint8_t>& bytes() { return bytes_; }

private:
    std::vector<uint8_t> bytes_;
};

// A function with its `syscall` at 0x40, `ret` before `padding`, and padding to `end`.
Code function_before_padding(size_t padding, size_t end) {
    return Code{}.body_to(0x40).syscall().body_to(padding - 1).ret().pad_to(end).body_to(end + 0x60);
}

TEST(Site, FindsPaddingBehind) {
    EXPECT_EQ(function_before_padding(0x56, 0x60).site(0x40), (Site{0x56, 0x56, 0x60}));
    EXPECT_EQ(function_before_padding(0x5b, 0x60).site(0x40), (Site{0x5b, 0x5b, 0x60}));
}

TEST(Site, FindsPaddingBefore) {
    Code code = Code{}.body_to(0x45).ret().pad_to(0x50).body_to(0x62).syscall().body_to(0xc0);
    EXPECT_EQ(code.site(0x62), (Site{0x46, 0x46, 0x50}));
}

TEST(Site, PaddingOfFourBytesIsTooShort) { EXPECT_EQ(function_before_padding(0x5c, 0x60).site(0x40), std::nullopt); }

TEST(Site, ReachesAsFarAsAShortJump) {
    // From 0x40 + 2: 127 bytes forward is 0xc1.
    EXPECT_EQ(function_before_padding(0xc1, 0xd0).site(0x40), (Site{0xc1, 0xc1, 0xd0}));
    EXPECT_EQ(function_before_padding(0xc2, 0xd0).site(0x40), std::nullopt);
    // 128 bytes backward from behind the site; the padding may begin before that.
    Code code = Code{}.body_to(0x40).ret().pad_to(0x50).body_to(0xc7).syscall().body_to(0x120);
    EXPECT_EQ(code.site(0xc7), (Site{0x49, 0x41, 0x50}));
    code = Code{}.body_to(0x40).ret().pad_to(0x50).body_to(0xca).syscall().body_to(0x120);
    EXPECT_EQ(code.site(0xca), std::nullopt);
}

TEST(Site, LoopHeadPaddingInFallThroughCodeIsLive) {
    // mov %rax,%rbx ends in c3, as ret does.
    Code behind = Code{}.body_to(0x3e).put({0x66, 0x90}).syscall().put({0x50, 0x50, 0x50, 0x50}).put({0x48, 0x89, 0xc3});
    behind.body_to(0x55).pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(behind.site(0x40), std::nullopt);
    Code before = Code{}.body_to(0x45).pad_to(0x50).body_to(0x62).syscall().body_to(0xc0);
    EXPECT_EQ(before.site(0x62), std::nullopt);
}

TEST(Site, PaddingBehindACallIsLive) {
    Code code = Code{}.body_to(0x40).syscall().body_to(0x50).put({0xe8, 0x00, 0x10, 0x00, 0x00}).pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
}

TEST(Site, PaddingBehindTheSystemCallItselfIsLive) {
    Code code = Code{}.body_to(0x40).syscall().pad_to(0x50).body_to(0xa0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
}

TEST(Site, PaddingBehindAPatchedSiteIsLive) {
    // The site at 0x52 has become a short jump to the hole at 0x75; its trampoline comes back to 0x54.
    Code code = Code{}.body_to(0x40).syscall().body_to(0x52).syscall().pad_to(0x60).body_to(0x74).ret().pad_to(0x80).body_to(0xe0);
    ASSERT_EQ(test::patch(code.bytes(), base, 0x52, far_away), (Site{0x75, 0x75, 0x80}));
    ASSERT_EQ(code.bytes()[0x52], 0xeb);
    // Eleven bytes serve two.
    EXPECT_EQ(test::patch(code.bytes(), base, 0x40, far_away), (Site{0x7a, 0x7a, 0x80}));
}

TEST(Site, LongPaddingServesSeveralSites) {
    Code code = Code{}.body_to(0x40).syscall().body_to(0x44).syscall().body_to(0x48).syscall().body_to(0x4c).syscall();
    code.body_to(0x60).ret().pad_to(0x70).body_to(0xc0);
    EXPECT_EQ(test::patch(code.bytes(), base, 0x44, far_away), (Site{0x61, 0x61, 0x70}));
    EXPECT_EQ(test::patch(code.bytes(), base, 0x40, far_away), (Site{0x66, 0x66, 0x70}));
    EXPECT_EQ(test::patch(code.bytes(), base, 0x48, far_away), (Site{0x6b, 0x6b, 0x70}));
    EXPECT_EQ(test::patch(code.bytes(), base, 0x4c, far_away), std::nullopt);
    EXPECT_EQ(code.bytes()[0x44], 0xeb);
    EXPECT_EQ(code.site(0x44), std::nullopt) << "it is no syscall any more";
}

TEST(Site, RemainderServesASiteBehind) {
    Code code = Code{}.body_to(0x40).syscall().body_to(0x51).ret().pad_to(0x60).body_to(0x70).syscall().body_to(0xd0);
    EXPECT_EQ(test::patch(code.bytes(), base, 0x40, far_away), (Site{0x52, 0x52, 0x60}));
    EXPECT_EQ(test::patch(code.bytes(), base, 0x70, far_away), (Site{0x57, 0x57, 0x60}));
}

TEST(Site, PatchableFunctionEntryIsLive) {
    // Sixteen nops that begin at an aligned address, where a function may begin.
    Code code = Code{}.body_to(0x40).syscall().body_to(0x5f).ret().fill_to(0x70, 0x90).body_to(0xc0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
    // Five bytes of alignment before five that are live.
    code = Code{}.body_to(0x40).syscall().body_to(0x5a).ret().pad_to(0x60).fill_to(0x65, 0x90).body_to(0xc0);
    EXPECT_EQ(code.site(0x40), (Site{0x5b, 0x5b, 0x60}));
}

TEST(Site, AWrittenNopBeforePaddingIsLive) {
    // jmp; label: nop (a probe); alignment of the loop that follows.
    Code code = Code{}.body_to(0x40).syscall().body_to(0x53).put({0xeb, 0xf0, 0x90}).pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
}

TEST(Site, PaddingThatEndsUnalignedIsLive) {
    Code code = Code{}.body_to(0x40).syscall().body_to(0x51).ret().pad_to(0x5b).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
}

TEST(Site, OneNopBeforeALoopHeadAlignedToEight) {
    Code code = Code{}.body_to(0x40).syscall().body_to(0x51).ret().pad_to(0x58).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), (Site{0x52, 0x52, 0x58}));
    code = Code{}.body_to(0x40).syscall().body_to(0x51).ret().fill_to(0x58, 0x90).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt) << "no assembler aligns with many nops where one does";
}

TEST(Site, PaddingThatABranchNamesIsLive) {
    // jne to 0x5a, in the padding 0x56..0x60: short, near, and as an address taken.
    Code code = Code{}.body_to(0x40).syscall().put({0x75, 0x16}).body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
    code = Code{}.body_to(0x40).syscall().put({0x0f, 0x85, 0x12, 0x00, 0x00, 0x00}).body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
    code = Code{}.body_to(0x40).syscall().put({0x48, 0x8d, 0x05, 0x11, 0x00, 0x00, 0x00}).body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
    // Behind it, its target is the loop head.
    code = Code{}.body_to(0x40).syscall().put({0x75, 0x1c}).body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), (Site{0x56, 0x56, 0x60}));
    // A backward branch from behind, to 0x5a.
    code = function_before_padding(0x56, 0x60);
    std::ranges::copy(std::initializer_list<uint8_t>{0xe9, 0xc5, 0xff, 0xff, 0xff}, code.bytes().begin() + 0x90);
    EXPECT_EQ(code.site(0x40), std::nullopt);
}

TEST(Site, ABranchIsFoundWhereverItStands) {
    constexpr uint8_t hole = 0x5a, jump_size = 5;
    for (size_t at = 0x70; at + jump_size <= 0xa0; ++at) {
        Code code = function_before_padding(0x56, 0x60);
        // Everything around it is one byte long, so that it begins anywhere.
        std::fill(code.bytes().begin() + 0x60, code.bytes().begin() + 0xa0, uint8_t{0x50});
        const auto displacement = static_cast<uint8_t>(hole - (at + jump_size));
        std::ranges::copy(std::initializer_list<uint8_t>{0xe9, displacement, 0xff, 0xff, 0xff}, code.bytes().begin() + static_cast<std::ptrdiff_t>(at));
        EXPECT_EQ(code.site(0x40), std::nullopt) << at;
        code.bytes()[at + 1] = 0x7f;
        EXPECT_NE(code.site(0x40), std::nullopt) << at;
    }
}

TEST(Site, BytesThatOnlyLookLikeABranchDoNoHarm) {
    // mov 0x16(%rbx),%rdi has 7b 16 in it, which would be jnp to 0x5b.
    Code code = Code{}.body_to(0x40).syscall().body_to(0x44).put({0x48, 0x8b, 0x7b, 0x16}).body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), (Site{0x56, 0x56, 0x60}));
}

TEST(Site, UndecodableBytesEndTheSearch) {
    Code code = Code{}.body_to(0x40).syscall().body_to(0x48).ret().put({0x06}).body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x40), std::nullopt);
}

// 0f 05 as the operand of mov $imm32,%eax.
TEST(Site, PaddingBeforeMustLeadToTheSite) {
    Code code = Code{}.body_to(0x45).ret().pad_to(0x50).body_to(0x61).put({0xb8}).syscall().put({0x00, 0x00}).body_to(0xc0);
    EXPECT_EQ(code.site(0x62), std::nullopt);
}

TEST(Site, SignalReturnStays) {
    Code code = Code{}.body_to(0x40).put({0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00}).syscall();
    code.body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x47), std::nullopt);
    code.bytes()[0x43] = 0x10;
    EXPECT_EQ(code.site(0x47), (Site{0x56, 0x56, 0x60}));
}

TEST(Site, ASiteAcrossCacheLinesStays) {
    Code code = Code{}.body_to(0x3f).syscall().body_to(0x55).ret().pad_to(0x60).body_to(0xb0);
    EXPECT_EQ(code.site(0x3f), std::nullopt);
}

TEST(Site, OnlySystemCallsInTheText) {
    const Code code = function_before_padding(0x56, 0x60);
    EXPECT_EQ(code.site(0x3f), std::nullopt);
    EXPECT_EQ(code.site(0x41), std::nullopt);
    EXPECT_EQ(code.site(0x100000), std::nullopt);
    EXPECT_EQ(code.site(SIZE_MAX), std::nullopt);
    EXPECT_EQ(find_site({}, base, 0), std::nullopt);
    const std::vector<uint8_t> alone{0x0f, 0x05};
    EXPECT_EQ(find_site(alone, base, 0), std::nullopt);
}

TEST(Site, TextMayEndWithPadding) {
    Code code = Code{}.body_to(0x40).syscall().body_to(0x51).ret().pad_to(0x5a);
    EXPECT_EQ(code.site(0x40), (Site{0x52, 0x52, 0x5a}));
}

// Alignment counts in addresses, not in offsets.
TEST(Site, BaseNeedNotBeAligned) {
    Code code = function_before_padding(0x56, 0x60);
    std::vector<uint8_t> shifted(code.bytes().begin() + 3, code.bytes().end());
    EXPECT_EQ(find_site(shifted, base + 3, 0x3d), (Site{0x53, 0x53, 0x5d}));
    EXPECT_EQ(find_site(shifted, base, 0x3d), std::nullopt);
}

TEST(Site, RandomBytesAreSearchedSafely) {
    std::mt19937 random{7};
    // Bytes that make branches, padding and system calls likely.
    constexpr std::array<uint8_t, 12> likely{0x90, 0xcc, 0xc3, 0xeb, 0xe9, 0x0f, 0x05, 0x1f, 0x66, 0x44, 0x00, 0x75};
    for (int round = 0; round < 20'000; ++round) {
        std::vector<uint8_t> text(random() % 300 + 2);
        for (uint8_t& byte : text) byte = random() % 4 == 0 ? static_cast<uint8_t>(random()) : likely[random() % likely.size()];
        const size_t offset = random() % (text.size() - 1);
        text[offset] = 0x0f;
        text[offset + 1] = 0x05;
        const auto site = find_site(text, base + random() % 16, offset);
        if (!site) continue;
        ASSERT_LE(site->padding_start, site->hole);
        ASSERT_LE(site->hole + hole_size, site->padding_end);
        ASSERT_LE(site->padding_end, text.size());
        ASSERT_TRUE(site->padding_end <= offset || site->padding_start >= offset + site_size);
        ASSERT_TRUE(encode_short_jump(base + offset, base + site->hole));
    }
}

}  // namespace
}  // namespace eremite::arch::patch

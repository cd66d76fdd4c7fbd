// Runs patched code on the host's CPU: the site, its hole, the trampoline and an entry.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

#include "tests/unit/patch/patched_text.hpp"

namespace eremite::arch::patch {
namespace {

constexpr size_t function_offset = 0x40;
constexpr size_t site_offset = 0x46;
constexpr size_t trampoline_offset = 0x800;
constexpr size_t entry_offset = 0xc00;
constexpr size_t text_size = 0x200;

// long function(): getpid, plus one to see that control came back behind the site.
constexpr std::string_view function_code{
    "\xb8\x27\x00\x00\x00"  // mov $39,%eax
    "\x90"                  // nop
    "\x0f\x05"              // syscall
    "\x48\xff\xc0"          // inc %rax
    "\xc3"                  // ret
    , 12};
// Answers 1000 + number: add $1000,%eax; jmp *%rcx.
constexpr std::string_view entry_code{"\x05\xe8\x03\x00\x00\xff\xe1", 7};

class Execution : public testing::Test {
protected:
    void SetUp() override {
        page_ = map();
        far_page_ = map(uint64_t{1} << 40);
        std::memset(page_, 0x90, function_offset);
        std::memcpy(page_ + function_offset, function_code.data(), function_code.size());
        constexpr uint8_t nop4[]{0x0f, 0x1f, 0x40, 0x00};
        std::memcpy(page_ + function_offset + 12, nop4, sizeof nop4);
        // The next function ends in padding within reach.
        std::memset(page_ + 0x50, 0x50, 0x15);
        page_[0x65] = 0xc3;
        constexpr uint8_t nop10[]{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};
        std::memcpy(page_ + 0x66, nop10, sizeof nop10);
        std::memset(page_ + 0x70, 0x50, text_size - 0x70);
    }
    void TearDown() override {
        munmap(page_, 4096);
        munmap(far_page_, 4096);
    }

    static uint8_t* map(uint64_t hint = 0) {
        // SAFETY: a hint only; the kernel gives another address when this one is taken.
        void* memory = mmap(reinterpret_cast<void*>(hint), 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) std::abort();
        return static_cast<uint8_t*>(memory);
    }

    [[nodiscard]] long call() const {
        // SAFETY: the page holds a function of this type.
        return reinterpret_cast<long (*)()>(page_ + function_offset)();
    }

    void patch_to(uint8_t* entry) {
        std::memcpy(entry, entry_code.data(), entry_code.size());
        const VirtualAddress base{page_};
        const Trampoline trampoline = encode_trampoline(base + trampoline_offset, base + site_offset + site_size, VirtualAddress{entry});
        std::ranges::copy(trampoline.code(), page_ + trampoline_offset);
        ASSERT_TRUE(test::patch({page_, text_size}, base, site_offset, base + trampoline_offset));
        ASSERT_EQ(page_[site_offset], 0xeb);
    }

    uint8_t* page_;
    uint8_t* far_page_;
};

TEST_F(Execution, UnpatchedSiteEntersTheHost) { EXPECT_EQ(call(), getpid() + 1L); }

TEST_F(Execution, PatchedSiteEntersTheEntryNearby) {
    patch_to(page_ + entry_offset);
    EXPECT_EQ(call(), 1040);
}

TEST_F(Execution, PatchedSiteEntersTheEntryFarAway) {
    patch_to(far_page_);
    EXPECT_EQ(call(), 1040);
}

}  // namespace
}  // namespace eremite::arch::patch

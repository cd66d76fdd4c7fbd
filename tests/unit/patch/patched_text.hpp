#pragma once
// Patches a copy of a text the way the library OS does, without an address space to go with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "libos/arch/x86_64/patch/encode.hpp"
#include "libos/arch/x86_64/patch/site.hpp"

namespace eremite::arch::patch::test {

// Where the hole is, if the site was patched.
inline std::optional<Site> patch(std::span<uint8_t> text, VirtualAddress base, size_t offset, VirtualAddress trampoline) {
    const auto site = find_site(text, base, offset);
    if (!site) return site;
    const auto long_jump = encode_near_jump(base + site->hole, trampoline);
    const auto short_jump = encode_short_jump(base + offset, base + site->hole);
    EXPECT_TRUE(long_jump && short_jump);
    if (!long_jump || !short_jump) return std::nullopt;
    std::ranges::fill(text.subspan(site->padding_start, site->padding_end - site->padding_start), padding_fill);
    std::ranges::copy(*long_jump, text.begin() + static_cast<ptrdiff_t>(site->hole));
    std::ranges::copy(*short_jump, text.begin() + static_cast<ptrdiff_t>(offset));
    return site;
}

}  // namespace eremite::arch::patch::test

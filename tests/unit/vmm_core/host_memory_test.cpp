#include "vmm/host_memory.hpp"

#include <gtest/gtest.h>

#include "vmm/error.hpp"
#include "vmm/guest_memory.hpp"

namespace eremite::test {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20;

TEST(HostMemory, IsReadFromMeminfo) {
    const vmm::HostMemory memory = vmm::parse_host_memory(
        "MemTotal:       24684092 kB\nMemFree:             100 kB\nMemAvailable:    2048 kB\nSwapFree:           1024 kB\n"
        "HugePages_Total:      12\nHugePages_Free:        7\nHugepagesize:       2048 kB\n");
    EXPECT_EQ(memory.available, 3 * mib);
    EXPECT_EQ(memory.huge_page, 2 * mib);
    EXPECT_EQ(memory.free_huge_pages, 7U);
}

TEST(HostMemory, WhatIsNotThereIsZero) {
    for (const char* const text : {"", "MemAvailable", "MemAvailable:", "MemAvailable: x", "XMemAvailable: 5 kB", "MemAvailableX: 5 kB"})
        EXPECT_EQ(vmm::parse_host_memory(text).available, 0U) << text;
}

TEST(HostMemory, OfThisHost) { EXPECT_GT(vmm::host_memory().available, mib); }

TEST(HostMemory, MoreThanThereIsIsRefusedWithHowMuchThereIs) {
    const vmm::HostMemory host{.available = 1536 * mib, .huge_page = 0, .free_huge_pages = 0};
    EXPECT_NO_THROW(vmm::require_available(1536 * mib, host));
    try {
        vmm::require_available(2048 * mib, host);
        FAIL() << "it was not refused";
    } catch (const vmm::Error& error) {
        EXPECT_NE(std::string{error.what()}.find("1.5 GiB of memory available"), std::string::npos) << error.what();
        EXPECT_NE(std::string{error.what()}.find("2 GiB"), std::string::npos) << error.what();
    }
    // A host that does not say is believed.
    EXPECT_NO_THROW(vmm::require_available(2048 * mib, {}));
}

TEST(HugePages, TooManyAreRefusedWithHowManyItTakes) {
    const uint64_t free_pages = vmm::host_memory().free_huge_pages;
    const uint64_t too_many = (free_pages + 8) * 2 * mib;
    try {
        const vmm::GuestMemory memory{too_many, vmm::GuestMemory::Pages::Huge};
        FAIL() << "there were more than the host says";
    } catch (const vmm::Error& error) {
        EXPECT_NE(std::string{error.what()}.find(std::to_string(free_pages + 8) + " huge pages"), std::string::npos) << error.what();
    }
}

TEST(HugePages, AreTakenFromTheHostSPool) {
    if (vmm::host_memory().free_huge_pages == 0) GTEST_SKIP() << "this host has no huge pages";
    const vmm::GuestMemory memory{1 * mib, vmm::GuestMemory::Pages::Huge};
    EXPECT_EQ(memory.size(), 2 * mib);
    memory.piece(2 * mib - 1, 1)[0] = std::byte{1};
}

}  // namespace
}  // namespace eremite::test

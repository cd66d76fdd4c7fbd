#pragma once
// An address space with its CPU, which leaves no page behind.
#include <gtest/gtest.h>
#include <linux/mman.h>

#include <memory>

#include "machine.hpp"

namespace eremite::test {

class SpaceTest : public testing::Test {
protected:
    void SetUp() override {
        free_at_start_ = start_machine();
        space_ = std::make_unique<mm::AddressSpace>(arch::PageTable::create_root().value());
        cpu_ = std::make_unique<Cpu>(*space_);
        tlb_counters = {};
    }
    void TearDown() override {
        cpu_.reset();
        space_.reset();
        EXPECT_EQ(mm::page_allocator().free_pages(), free_at_start_);
    }
    mm::AddressSpace& space() { return *space_; }
    Cpu& cpu() { return *cpu_; }

    Result<VirtualAddress> try_map(uint64_t length, uint8_t protection = 3, int flags = MAP_PRIVATE | MAP_ANONYMOUS, VirtualAddress hint = {},
                                   Ref<mm::MemoryObject> object = {}, uint64_t offset = 0) {
        mm::MapRequest request;
        request.hint = hint;
        request.length = length;
        request.protection = {protection};
        request.flags = flags;
        request.object = std::move(object);
        request.offset = offset;
        return space().map(request);
    }
    VirtualAddress map(uint64_t length, uint8_t protection = 3, int flags = MAP_PRIVATE | MAP_ANONYMOUS, VirtualAddress hint = {}) {
        auto start = try_map(length, protection, flags, hint);
        EXPECT_EQ(start.code(), 0);
        return start.ok() ? start.value() : VirtualAddress{};
    }
    uint64_t read(VirtualAddress page) {
        uint64_t value = ~uint64_t{0};
        EXPECT_EQ(cpu().read(page, value), 0);
        return value;
    }
    int read_error(VirtualAddress page) {
        uint64_t value = 0;
        return cpu().read(page, value);
    }
    void write(VirtualAddress page, uint64_t value) { EXPECT_EQ(cpu().write(page, value), 0); }
    [[nodiscard]] uint64_t resident() { return space().statistics().resident_pages; }
    [[nodiscard]] size_t areas() {
        size_t n = 0;
        space().for_each([&](const mm::VmaInfo&) { ++n; });
        return n;
    }

private:
    uint64_t free_at_start_ = 0;
    std::unique_ptr<mm::AddressSpace> space_;
    std::unique_ptr<Cpu> cpu_;
};

}  // namespace eremite::test

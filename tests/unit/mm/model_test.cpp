// Random operations on an address space, compared with a model that keeps rights and contents of each page. Accesses go
// through a CPU with a TLB that forgets only what is flushed.
#include <gtest/gtest.h>
#include <linux/mman.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "machine.hpp"

namespace eremite::mm {
namespace {

constexpr uint64_t window_pages = 6144;
constexpr uint64_t window_start = 0x3fff'fe00'0000;

struct Page {
    bool mapped = false;
    bool shared = false;
    bool accounted = false;
    bool no_reserve = false;
    bool copied = false;  // a private page of an object that was written
    uint8_t protection = 0;
    uint8_t maximum = 7;
    uint64_t value = 0;
    test::FakeObject* object = nullptr;
    uint64_t index = 0;

    [[nodiscard]] bool accountable() const { return (protection & PROT_WRITE) && !no_reserve && !(object && shared); }
    [[nodiscard]] bool beyond_end() const { return object && index >= object->pages(); }
    [[nodiscard]] uint64_t& contents() { return object && !copied ? object->word(index) : value; }
    // What DONTNEED does, and what is left behind by MREMAP_DONTUNMAP.
    void forget() {
        copied = false;
        value = 0;
    }
};

class Model : public testing::TestWithParam<int> {
protected:
    void SetUp() override {
        free_at_start_ = test::start_machine();
        for (auto& object : objects_) object = make_ref<test::FakeObject>(700u, 1'000'000u).value();
        space_ = std::make_unique<AddressSpace>(arch::PageTable::create_root().value());
        space_->set_overcommit(AddressSpace::Overcommit::Always);
        cpu_ = std::make_unique<test::Cpu>(*space_);
        random_.seed(static_cast<uint64_t>(GetParam()));
    }
    void TearDown() override {
        cpu_.reset();
        space_.reset();
        for (auto& object : objects_) {
            EXPECT_EQ(object->mappings, 0);
            object = nullptr;
        }
        EXPECT_EQ(page_allocator().free_pages(), free_at_start_);
    }

    uint64_t pick(uint64_t n) { return random_() % n; }
    static VirtualAddress at(uint64_t page) { return VirtualAddress{window_start + page * page_size}; }
    static bool inside(VirtualAddress start, uint64_t pages) { return start.value >= window_start && start + pages * page_size <= at(window_pages); }
    static uint64_t page_of(VirtualAddress a) { return (a.value - window_start) / page_size; }
    // A range within the window: mostly some pages, now and then one or two large pages.
    std::pair<uint64_t, uint64_t> pick_range() {
        uint64_t first = pick(window_pages), count = 1 + pick(24);
        const uint64_t kind = pick(20);
        if (kind < 3) {
            first = align_down(first, 512);
            count = 512 * (1 + pick(3));
        } else if (kind == 3) {
            count = 1 + pick(1500);
        }
        return {first, std::min(count, window_pages - first)};
    }
    uint8_t pick_protection() {
        constexpr uint8_t choices[] = {0, 1, 3, 3, 3, 3, 5, 2};
        return choices[pick(std::size(choices))];
    }

    void map();
    void unmap();
    void protect();
    void remap();
    void advise();
    void access();
    void verify();
    void check_moved(VirtualAddress to, uint64_t pages, const Page& like, std::vector<Page> moved);

    std::vector<Page> pages_{window_pages};
    std::mt19937_64 random_;
    uint64_t free_at_start_ = 0;
    Ref<test::FakeObject> objects_[2];
    std::unique_ptr<AddressSpace> space_;
    std::unique_ptr<test::Cpu> cpu_;
    uint64_t next_value_ = 1;
};

void Model::map() {
    const auto [first, count] = pick_range();
    Page page;
    page.mapped = true;
    page.protection = pick_protection();
    page.shared = pick(4) == 0;
    page.no_reserve = pick(4) == 0;
    MapRequest request;
    request.length = count * page_size;
    request.protection = {page.protection};
    request.flags = (page.shared ? MAP_SHARED : MAP_PRIVATE) | (page.no_reserve ? MAP_NORESERVE : 0);
    if (pick(3) == 0) {
        page.object = objects_[pick(2)].get();
        page.index = pick(750);
        request.object = Ref<MemoryObject>::share(page.object);
        request.offset = page.index * page_size;
        if (page.shared && !(page.protection & PROT_WRITE) && pick(2)) page.maximum = PROT_READ | PROT_EXEC;
        request.maximum = {page.maximum};
    } else {
        request.flags |= MAP_ANONYMOUS | (pick(20) == 0 ? MAP_POPULATE : 0);
    }
    page.accounted = page.accountable();
    const uint64_t how = pick(10);
    if (how < 7) {
        request.hint = at(first);
        request.flags |= how == 6 ? MAP_FIXED_NOREPLACE : MAP_FIXED;
    }
    const auto result = space_->map(request);
    const bool taken = std::any_of(pages_.begin() + first, pages_.begin() + first + count, [](const Page& p) { return p.mapped; });
    if (how == 6 && taken) {
        ASSERT_EQ(result.code(), EEXIST);
        return;
    }
    ASSERT_EQ(result.code(), 0);
    const VirtualAddress start = result.value();
    ASSERT_TRUE(how >= 7 || start == at(first));
    if (!inside(start, count)) {
        ASSERT_TRUE(space_->unmap(start, count * page_size).ok());
        return;
    }
    for (uint64_t i = 0; i < count; ++i) {
        Page& p = pages_[page_of(start) + i];
        ASSERT_TRUE(how < 6 || !p.mapped);
        p = page;
        p.index += i;
    }
}

void Model::unmap() {
    const auto [first, count] = pick_range();
    ASSERT_TRUE(space_->unmap(at(first), count * page_size).ok());
    std::fill_n(pages_.begin() + first, count, Page{});
}

void Model::protect() {
    const auto [first, count] = pick_range();
    const uint8_t protection = pick_protection();
    int expected = 0;
    for (uint64_t i = first; i < first + count; ++i) {
        Page& p = pages_[i];
        if (!p.mapped) expected = ENOMEM;
        else if (protection & ~p.maximum) expected = EACCES;
        if (expected) break;
        p.protection = protection;
        p.accounted = p.accounted || p.accountable();
    }
    ASSERT_EQ(space_->protect(at(first), count * page_size, {protection}).code(), expected);
}

void Model::advise() {
    const auto [first, count] = pick_range();
    constexpr int choices[] = {MADV_DONTNEED, MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_NORMAL, MADV_WILLNEED};
    const int advice = choices[pick(std::size(choices))];
    bool hole = false;
    for (uint64_t i = first; i < first + count; ++i) {
        Page& p = pages_[i];
        hole = hole || !p.mapped;
        if (p.mapped && advice == MADV_DONTNEED && (p.object || !p.shared)) p.forget();
    }
    ASSERT_EQ(space_->advise(at(first), count * page_size, advice).code(), hole ? ENOMEM : 0);
}

// What arrived outside of the window is looked at and unmapped.
void Model::check_moved(VirtualAddress to, uint64_t pages, const Page& like, std::vector<Page> moved) {
    for (uint64_t i = 0; i < pages; ++i) {
        Page expected = i < moved.size() ? moved[i] : like;
        if (i >= moved.size()) {
            expected.forget();
            expected.index = like.index + i;
        }
        if (inside(to, pages)) {
            pages_[page_of(to) + i] = expected;
            continue;
        }
        if (expected.protection == 0 || expected.beyond_end()) continue;
        uint64_t value = 0;
        ASSERT_EQ(cpu_->read(to + i * page_size, value), 0);
        ASSERT_EQ(value, expected.contents());
    }
    if (inside(to, pages)) return;
    ASSERT_TRUE(space_->unmap(to, pages * page_size).ok());
}

void Model::remap() {
    const auto [first, picked] = pick_range();
    uint64_t count = picked;
    uint64_t wanted = pick(3) ? count : 1 + pick(2 * count);
    uint64_t target = 0;
    int flags = pick(5) ? MREMAP_MAYMOVE : 0;
    if (flags && pick(2)) {
        flags |= MREMAP_FIXED;
        target = pick(3) ? pick(window_pages) : align_down(pick(window_pages), 512) + first % 512;
        if (target + wanted > window_pages) return;
        if (target < first + count && first < target + wanted) return;
    }
    if (flags && wanted == count && pick(4) == 0) flags |= MREMAP_DONTUNMAP;
    const bool keep_old = (flags & MREMAP_DONTUNMAP) != 0;
    VirtualAddress area_end{};
    space_->for_each([&, f = first](const VmaInfo& v) {
        if (v.range.contains(at(f))) area_end = v.range.end;
    });
    const Page like = pages_[first];
    const auto result = space_->remap(at(first), count * page_size, wanted * page_size, flags, at(target));
    if (area_end.value == 0) {
        ASSERT_EQ(result.code(), EFAULT);
        return;
    }
    if (keep_old && !like.object && like.shared) {
        ASSERT_EQ(result.code(), EINVAL);
        return;
    }
    if (wanted < count) {
        std::fill_n(pages_.begin() + first + wanted, count - wanted, Page{});
        count = wanted;
    }
    if (at(first + count) > area_end) {
        ASSERT_EQ(result.code(), EFAULT);
        return;
    }
    if (!(flags & MREMAP_MAYMOVE) && !result.ok()) {
        ASSERT_EQ(result.code(), ENOMEM);
        const bool blocked = at(first + count) < area_end || first + wanted > window_pages || pages_[first + count].mapped ||
                             std::any_of(pages_.begin() + first + count, pages_.begin() + first + wanted, [](const Page& p) { return p.mapped; });
        ASSERT_TRUE(blocked);
        return;
    }
    ASSERT_EQ(result.code(), 0);
    if (flags & MREMAP_FIXED) {
        ASSERT_EQ(result.value(), at(target));
        std::fill_n(pages_.begin() + target, wanted, Page{});
    }
    std::vector<Page> moved(pages_.begin() + first, pages_.begin() + first + count);
    for (uint64_t i = first; i < first + count; ++i) {
        if (keep_old) pages_[i].forget();
        else pages_[i] = Page{};
    }
    check_moved(result.value(), wanted, like, std::move(moved));
}

void Model::access() {
    uint64_t page = pick(window_pages);
    // Now and then a walk through memory, for the longer runs and large pages.
    const uint64_t steps = pick(6) ? 1 : 1 + pick(60);
    const bool write = pick(2) == 0;
    for (uint64_t i = 0; i < steps && page < window_pages; ++i, ++page) {
        Page& p = pages_[page];
        int expected = 0;
        if (!p.mapped) expected = EFAULT;
        else if (write ? !(p.protection & PROT_WRITE) : p.protection == 0) expected = EACCES;
        else if (p.beyond_end()) expected = ENXIO;
        if (write) {
            const uint64_t value = next_value_++;
            ASSERT_EQ(cpu_->write(at(page), value), expected) << "page " << page;
            if (expected) continue;
            if (p.object && !p.shared) p.copied = true;
            p.contents() = value;
        } else {
            uint64_t value = 0;
            ASSERT_EQ(cpu_->read(at(page), value), expected) << "page " << page;
            if (expected) continue;
            ASSERT_EQ(value, p.contents()) << "page " << page;
        }
    }
}

void Model::verify() {
    uint64_t mapped = 0, committed = 0, resident = 0, covered = 0;
    for (uint64_t i = 0; i < window_pages; ++i) {
        mapped += pages_[i].mapped;
        committed += pages_[i].accounted;
    }
    std::vector<VmaInfo> areas;
    space_->for_each([&](const VmaInfo& v) { areas.push_back(v); });
    VirtualAddress last{};
    for (const VmaInfo& v : areas) {
        ASSERT_LT(v.range.start, v.range.end);
        ASSERT_LE(last, v.range.start);
        last = v.range.end;
        for (VirtualAddress a = v.range.start; a < v.range.end; a += page_size, ++covered) {
            const Page& p = pages_.at(page_of(a));
            ASSERT_TRUE(p.mapped);
            ASSERT_EQ(p.protection, v.protection.bits);
            ASSERT_EQ(p.shared, v.shared);
            ASSERT_EQ(p.object, v.object);
            ASSERT_TRUE(!p.object || p.index * page_size == v.offset + (a - v.range.start));
            const auto mapping = space_->query(a);
            resident += mapping.has_value();
            if (!mapping) continue;
            // No right beyond those of the area, and only what is ours alone may be written in private.
            ASSERT_TRUE(!mapping->flags.has(arch::page::write) || (p.protection & PROT_WRITE));
            // Anonymous memory may show the page of zeros until it is written.
            if (p.object) {
                ASSERT_EQ(mapping->flags.has(arch::page::owned), p.copied);
            }
            ASSERT_TRUE(mapping->flags.has(arch::page::owned) || p.object || !mapping->flags.has(arch::page::write));
            ASSERT_TRUE(!mapping->flags.has(arch::page::write) || !p.object || p.shared || p.copied);
        }
    }
    ASSERT_EQ(covered, mapped);
    const auto statistics = space_->statistics();
    ASSERT_EQ(statistics.mapped_pages, mapped);
    ASSERT_EQ(statistics.committed_pages, committed);
    ASSERT_EQ(statistics.resident_pages, resident);
}

TEST_P(Model, AgreesAfterRandomOperations) {
    for (int step = 0; step < 34000; ++step) {
        const uint64_t what = pick(100);
        if (what < 12) map();
        else if (what < 18) unmap();
        else if (what < 28) protect();
        else if (what < 36) remap();
        else if (what < 43) advise();
        else access();
        if (HasFatalFailure()) FAIL() << "at step " << step;
        if (step % 250 == 0) verify();
        if (HasFatalFailure()) FAIL() << "before step " << step;
    }
    for (uint64_t i = 0; i < window_pages; ++i) {
        Page& p = pages_[i];
        uint64_t value = 0;
        if (!p.mapped || p.protection == 0 || p.beyond_end()) continue;
        ASSERT_EQ(cpu_->read(at(i), value), 0);
        ASSERT_EQ(value, p.contents());
    }
    ASSERT_TRUE(space_->unmap(at(0), window_pages * page_size).ok());
    const auto statistics = space_->statistics();
    EXPECT_EQ(statistics.mapped_pages + statistics.committed_pages + statistics.resident_pages, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, testing::Values(1, 2, 3));

}  // namespace
}  // namespace eremite::mm

#include "machine.hpp"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <new>

#include "base/panic.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/tlb.hpp"
#include "libos/arch/x86_64/page_table.hpp"

namespace {
int64_t allocations_left = -1;  // -1: no limit
}

// Kernel code allocates by the nothrow form only.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
    if (allocations_left == 0) return nullptr;
    if (allocations_left > 0) --allocations_left;
    return ::operator new(size);
}

namespace eremite {

void panic(std::string_view message) { throw test::Panic{std::string{message}}; }

namespace arch {
unsigned cpu_index() { return test::cpu_of_thread; }
void flush_page(VirtualAddress address) {
    ++test::tlb_counters.pages;
    test::Cpu::drop({address.down_to(page_size), address.down_to(page_size) + page_size});
}
void flush_page_here(VirtualAddress address) { flush_page(address); }
bool exceeds_tlb(uint64_t) { return false; }
void extend_tlb(uint64_t, VirtualRange) {}
void flush_range(VirtualRange range) {
    ++test::tlb_counters.ranges;
    test::Cpu::drop(range);
}
void flush_all() {
    ++test::tlb_counters.all;
    test::Cpu::drop({VirtualAddress{uint64_t{0}}, VirtualAddress{~uint64_t{0}}});
}
}  // namespace arch

namespace test {

TlbCounters tlb_counters;
thread_local unsigned cpu_of_thread = 0;

namespace {
std::unordered_map<uint64_t, Cpu::Entry> tlb;  // by the start of the page
}

PhysicalRange physical_memory(uint64_t start, uint64_t size) {
    void* wanted = direct_map(PhysicalAddress{start}).as<void>();
    void* got = mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != wanted) std::abort();
    return {{start}, {start + size}};
}

uint64_t start_machine() {
    static const bool once = [] {
        constexpr uint64_t start = 0x10'0000;
        return mm::page_allocator().add(physical_memory(start, machine_bytes)).ok();
    }();
    if (!once) std::abort();
    return mm::page_allocator().free_pages();
}

// The pages taken are linked through their first word.
Hunger::Hunger(uint64_t left) {
    while (mm::page_allocator().free_pages() > left) {
        const auto frame = mm::page_allocator().allocate(0, mm::PageAllocator::Use::Promised);
        if (!frame.ok()) std::abort();
        *direct_map(frame.value()).as<uint64_t>() = chain_;
        chain_ = frame.value().value;
    }
}

Hunger::~Hunger() {
    while (chain_) {
        const PhysicalAddress frame{chain_};
        chain_ = *direct_map(frame).as<uint64_t>();
        mm::page_allocator().free(frame, 0);
    }
}

FailingHeap::FailingHeap(int64_t successes) { allocations_left = successes; }
FailingHeap::~FailingHeap() { allocations_left = -1; }

Cpu::Cpu(mm::AddressSpace& space) : space_{space} { tlb.clear(); }
Cpu::~Cpu() { tlb.clear(); }

void Cpu::drop(VirtualRange range) {
    // Few pages are looked up one by one, many by going through all that is cached.
    constexpr uint64_t few = 2 * large_page_size;
    if (range.size() <= few) {
        for (VirtualAddress at = range.start.down_to(page_size); at < range.end; at += page_size) {
            const auto entry = tlb.find(at.value);
            if (entry != tlb.end() && !entry->second.large) tlb.erase(entry);
        }
        for (VirtualAddress at = range.start.down_to(large_page_size); at < range.end; at += large_page_size) {
            const auto entry = tlb.find(at.value);
            if (entry != tlb.end() && entry->second.large) tlb.erase(entry);
        }
        return;
    }
    std::erase_if(tlb, [&](const auto& item) {
        const VirtualAddress start{item.first};
        return range.overlaps({start, start + (item.second.large ? large_page_size : page_size)});
    });
}

// Walks the tables as the CPU does, setting accessed and dirty bits.
std::optional<Cpu::Entry> Cpu::walk(VirtualAddress page, bool write) {
    using namespace arch::x86_64;
    uint64_t* table = table_at(space_.root().value);
    for (unsigned level = root_level;; --level) {
        uint64_t& e = table[index_of(page, level)];
        if (!(e & entry::present) || !(e & entry::user)) return std::nullopt;
        const bool leaf = is_leaf(e, level);
        if (leaf && write && !(e & entry::writable)) return std::nullopt;
        e |= entry::accessed;
        if (!leaf) {
            table = table_at(e);
            continue;
        }
        if (write) e |= entry::dirty;
        return Entry{PhysicalAddress{e & entry::address}, (e & entry::writable) != 0, level == 1};
    }
}

int Cpu::access(VirtualAddress page, bool write, uint64_t& value) {
    for (int attempt = 0; attempt < 3; ++attempt) {
        for (const bool large : {false, true}) {
            const VirtualAddress start = page.down_to(large ? large_page_size : page_size);
            const auto cached = tlb.find(start.value);
            if (cached == tlb.end() || cached->second.large != large || (write && !cached->second.writable)) continue;
            auto& word = *direct_map(cached->second.frame + (page - start)).as<uint64_t>();
            if (write) word = value;
            else value = word;
            return 0;
        }
        if (const auto entry = walk(page, write)) {
            tlb[page.down_to(entry->large ? large_page_size : page_size).value] = *entry;
            continue;
        }
        // A page fault drops what the TLB holds of the page.
        drop({page, page + page_size});
        const auto fault = space_.fault(page, write ? mm::Access::Write : mm::Access::Read);
        if (!fault.ok()) return fault.code();
    }
    // A program would fault for ever.
    return -1;
}

int Cpu::read(VirtualAddress page, uint64_t& value) { return access(page, false, value); }
int Cpu::write(VirtualAddress page, uint64_t value) { return access(page, true, value); }

FakeObject::FakeObject(uint64_t pages, uint64_t base) : pages_{pages}, order_{static_cast<unsigned>(std::bit_width(pages - 1))} {
    start_ = mm::page_allocator().allocate(order_).value();
    for (uint64_t i = 0; i < pages; ++i) word(i) = base + i;
}
FakeObject::~FakeObject() { mm::page_allocator().free(start_, order_); }

Result<PhysicalAddress> FakeObject::page(uint64_t index, bool for_write) {
    if (index >= pages_) return Error{ENXIO};
    write_requests += for_write;
    return start_ + index * page_size;
}

}  // namespace test
}  // namespace eremite

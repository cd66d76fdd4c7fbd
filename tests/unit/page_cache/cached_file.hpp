#pragma once
// A cached file whose store is a vector, with faults to order, in an address space with its CPU.
#include <gtest/gtest.h>
#include <linux/mman.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "libos/fs/file_system.hpp"
#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "libos/sync/lock_check.hpp"
#include "../mm/machine.hpp"

namespace eremite::test {

using Bytes = std::vector<uint8_t>;

// The one address space, and user memory that copies cannot reach.
extern mm::AddressSpace* address_space;
extern VirtualRange unreachable;

// A device reads memory that somebody may write just then, whose bytes are dirty afterwards.
__attribute__((no_sanitize("thread"))) inline void copy_as_a_device(uint8_t* to, const volatile uint8_t* from, size_t size) {
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
}

class FakeStore final : public fs::PageStore {
public:
    struct Request {
        uint64_t offset;
        size_t pages;
    };
    Result<size_t> read_pages(uint64_t offset, std::span<const PhysicalAddress> frames) override {
        sync::check_none_held();
        if (on_read) on_read();
        const std::lock_guard guard{mutex};
        reads.push_back({offset, frames.size()});
        if (read_error != 0) return Error{read_error};
        size_t done = 0;
        for (const PhysicalAddress frame : frames) {
            auto* const to = direct_map(frame).as<uint8_t>();
            std::fill_n(to, page_size, 0xee);
            if (offset + done >= bytes.size()) continue;
            const size_t piece = std::min<size_t>(page_size, bytes.size() - offset - done);
            std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset + done), piece, to);
            done += piece;
        }
        return done;
    }
    Result<void> write_pages(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) override {
        sync::check_none_held();
        if (on_write) on_write();
        const std::lock_guard guard{mutex};
        writes.push_back({offset, frames.size()});
        EXPECT_LE(length, frames.size() * page_size);
        EXPECT_GT(length, (frames.size() - 1) * page_size);
        if (write_error != 0) return Error{write_error};
        if (bytes.size() < offset + length) bytes.resize(offset + length);
        for (size_t done = 0; done < length; done += page_size) {
            const auto* const from = direct_map(frames[done / page_size]).as<const uint8_t>();
            copy_as_a_device(bytes.data() + offset + done, from, std::min<size_t>(page_size, length - done));
        }
        return {};
    }
    Result<void> store_size(uint64_t size) override {
        sync::check_none_held();
        if (size_error != 0) return Error{size_error};
        const std::lock_guard guard{mutex};
        bytes.resize(size);
        return {};
    }

    std::mutex mutex;
    Bytes bytes;
    std::vector<Request> reads, writes;
    std::function<void()> on_read, on_write;
    int read_error = 0, write_error = 0, size_error = 0;
};

inline fs::NamelessFileSystem file_system{0, 1};

class CachedFile final : public mm::MemoryObject {
public:
    explicit CachedFile(Bytes bytes) {
        store.bytes = std::move(bytes);
        (void)cache.revalidate(store.bytes.size(), 1, cache.changes());
    }
    Result<PhysicalAddress> page(uint64_t index, bool for_write) override { return cache.page(index, for_write); }
    Result<void> fetch(uint64_t index, bool for_write) override {
        sync::check_none_held();
        return cache.fetch(index, for_write);
    }
    bool tracks_writes() const override { return true; }
    Result<void> synchronize_pages(uint64_t first, uint64_t count) override { return cache.synchronize_pages(first, count); }
    void mapped() override { cache.mapped(); }
    void unmapped() override { cache.unmapped(); }
    size_t describe(char*, size_t, uint64_t&) const override { return 0; }

    // Of a file that can be read and written.
    Bytes read(uint64_t offset, size_t size) {
        Bytes bytes(size);
        fs::IoBuffer buffer = fs::IoBuffer::kernel(bytes);
        const auto done = cache.read(offset, buffer);
        EXPECT_EQ(done.code(), 0);
        bytes.resize(done.ok() ? done.value() : 0);
        return bytes;
    }
    void write(uint64_t offset, const Bytes& bytes) {
        fs::IoBuffer buffer = fs::IoBuffer::kernel(bytes);
        const auto done = cache.write(offset, buffer, false);
        ASSERT_EQ(done.code(), 0);
        EXPECT_EQ(done.value(), bytes.size());
    }
    int read_error(uint64_t offset) {
        Bytes bytes(1);
        fs::IoBuffer buffer = fs::IoBuffer::kernel(bytes);
        return cache.read(offset, buffer).code();
    }

    FakeStore store;
    fs::FileCache cache{*this, store, file_system};
};

// Bytes that differ from page to page.
inline Bytes pattern(size_t size, uint64_t seed = 1) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>((i + seed) * 31 + (i >> 8) * 7 + (i >> 16));
    return bytes;
}

class CacheTest : public testing::Test {
protected:
    void SetUp() override {
        free_at_start_ = start_machine();
        space_ = std::make_unique<mm::AddressSpace>(arch::PageTable::create_root().value());
        address_space = space_.get();
        cpu_ = std::make_unique<Cpu>(*space_);
        unreachable = {};
    }
    void TearDown() override {
        cpu_.reset();
        space_.reset();
        file_ = nullptr;
        EXPECT_EQ(fs::page_cache::figures().cached, 0u);
        EXPECT_EQ(fs::page_cache::figures().dirty, 0u);
        EXPECT_EQ(mm::page_allocator().free_pages(), free_at_start_);
    }
    CachedFile& make(Bytes bytes) {
        file_ = Ref<CachedFile>::adopt(new CachedFile{std::move(bytes)});
        return *file_;
    }
    VirtualAddress map(CachedFile& file, uint64_t pages, int flags = MAP_SHARED, uint64_t first = 0) {
        mm::MapRequest request;
        request.length = pages * page_size;
        request.flags = flags;
        request.object = Ref<CachedFile>::share(&file);
        request.offset = first * page_size;
        return space().map(request).value();
    }
    void unmap(VirtualAddress start, uint64_t pages) { ASSERT_TRUE(space().unmap(start, pages * page_size).ok()); }
    mm::AddressSpace& space() { return *space_; }
    Cpu& cpu() { return *cpu_; }
    // The first word of a page.
    uint64_t load(VirtualAddress page) {
        uint64_t value = 0;
        EXPECT_EQ(cpu().read(page, value), 0);
        return value;
    }
    void store(VirtualAddress page, uint64_t value) { EXPECT_EQ(cpu().write(page, value), 0); }
    static uint64_t word(const Bytes& bytes, uint64_t page) {
        uint64_t value = 0;
        std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(page * page_size), sizeof value, reinterpret_cast<uint8_t*>(&value));
        return value;
    }
    Ref<CachedFile> file_;

private:
    uint64_t free_at_start_ = 0;
    std::unique_ptr<mm::AddressSpace> space_;
    std::unique_ptr<Cpu> cpu_;
};

}  // namespace eremite::test

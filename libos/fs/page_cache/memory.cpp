#include "libos/fs/page_cache/memory.hpp"

#include <algorithm>
#include <atomic>

#include "base/list.hpp"
#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs {

namespace page_cache {

namespace {

struct State {
    sync::Spinlock lock{sync::Rank::PageReclaim};
    List<FileCache> files;  // that have pages; those looked at last come last
    uint64_t count = 0;
    std::atomic<void (*)()> when_dirty{nullptr};
    uint64_t pass = 0;  // over all files, one after the other
    std::atomic<int64_t> cached{0};
    std::atomic<int64_t> dirty{0};
};
constinit State state;
// Held by whoever visits all files.
constinit sched::Mutex one_pass;

mm::PageAllocator& allocator() { return mm::page_allocator(); }

// What file systems leave to the kernel, whose own allocations cannot all fail gracefully.
uint64_t margin() { return allocator().total_pages() / 64 + 16; }

// The next file that has pages, or had some just now. Requires the lock.
FileCache* next_in_turn() {
    while (FileCache* const file = state.files.pop_front()) {
        if (!file->leave_if_empty()) {
            state.files.push_back(*file);
            return file;
        }
        --state.count;
    }
    return nullptr;
}

// Called by the allocator where memory is short, under any lock.
uint64_t reclaim(uint64_t pages) {
    const sync::Guard guard{state.lock};
    uint64_t freed = 0;
    for (uint64_t left = state.count; left > 0 && freed < pages; --left) {
        FileCache* const file = next_in_turn();
        if (!file) break;
        freed += file->evict_unmapped(pages - freed);
    }
    return freed;
}

uint64_t reclaimable() {
    const int64_t clean = state.cached.load(std::memory_order_relaxed) - state.dirty.load(std::memory_order_relaxed);
    return static_cast<uint64_t>(std::max<int64_t>(clean, 0));
}

uint64_t unwritten() { return static_cast<uint64_t>(std::max<int64_t>(state.dirty.load(std::memory_order_relaxed), 0)); }

struct Kept {
    FileCache* file = nullptr;
    Ref<mm::MemoryObject> owner{};
};

// The next file, kept alive. Null: it is on its way out, or there is none.
Kept next_file() {
    const sync::Guard guard{state.lock};
    FileCache* const file = next_in_turn();
    if (!file) return {};
    return {file, Ref<mm::MemoryObject>::share_if_alive(&file->owner())};
}

// Calls visit(file) for each file that has pages now, kept alive, however the list changes meanwhile.
template <typename Visit>
void visit_all(Visit&& visit) {
    const sched::MutexGuard guard{one_pass};
    uint64_t pass;
    {
        const sync::Guard lock{state.lock};
        pass = ++state.pass;
    }
    for (;;) {
        Kept kept;
        {
            const sync::Guard lock{state.lock};
            // Those that were visited come last, but others move files about, too.
            for (FileCache& file : state.files) {
                if (!file.enter_pass(pass)) continue;
                List<FileCache>::remove(file);
                state.files.push_back(file);
                kept = {&file, Ref<mm::MemoryObject>::share_if_alive(&file.owner())};
                break;
            }
        }
        if (!kept.file) return;
        if (kept.owner) visit(*kept.file);
    }
}

uint64_t file_count() {
    const sync::Guard guard{state.lock};
    return state.count;
}

}  // namespace

void add(FileCache& cache) {
    static constexpr mm::PageAllocator::Reclaimer reclaimer{reclaim, make_room, reclaimable, unwritten};
    allocator().set_reclaimer(reclaimer);
    const sync::Guard guard{state.lock};
    state.files.push_back(cache);
    ++state.count;
}

void remove(FileCache& cache) {
    // Somebody may be looking at it just now.
    const sync::Guard guard{state.lock};
    if (!static_cast<ListNode<>&>(cache).linked()) return;
    List<FileCache>::remove(cache);
    --state.count;
}

void count_cached(int64_t pages) { state.cached.fetch_add(pages, std::memory_order_relaxed); }
void count_dirty(int64_t pages) {
    if (state.dirty.fetch_add(pages, std::memory_order_relaxed) != 0) return;
    if (void (*const tell)() = state.when_dirty.load(std::memory_order_acquire)) tell();
}
void set_when_dirty(void (*tell)()) { state.when_dirty.store(tell, std::memory_order_release); }

Figures figures() {
    return {static_cast<uint64_t>(state.cached.load(std::memory_order_relaxed)), static_cast<uint64_t>(state.dirty.load(std::memory_order_relaxed))};
}

void free(PhysicalAddress frame) { allocator().free(frame, 0); }

size_t allocate(std::span<PhysicalAddress> frames) {
    size_t count = 0;
    while (count < frames.size()) {
        const size_t left = frames.size() - count;
        if (allocator().idle_pages() < margin() + left && make_room(left) == 0 && allocator().idle_pages() < margin() / 2 + 1) break;
        const size_t got = allocator().allocate_pages(frames.subspan(count));
        if (got == 0) break;
        count += got;
    }
    return count;
}

bool too_dirty() { return state.dirty.load(std::memory_order_relaxed) > static_cast<int64_t>(allocator().total_pages() / 8 + 1); }

bool write_back_some() {
    for (uint64_t left = file_count(); left > 0; --left) {
        const Kept kept = next_file();
        if (!kept.owner || !kept.file->dirty()) continue;
        (void)kept.file->write_back();
        return true;
    }
    return false;
}

void write_back_each() {
    visit_all([](FileCache& file) {
        if (file.dirty()) (void)file.write_back();
    });
}

size_t make_room(size_t most) {
    // What nobody maps is had most easily; then what is mapped; then what has to be written first.
    size_t freed = reclaim(most);
    for (int round = 0; round < 2 && freed == 0; ++round) {
        for (uint64_t left = file_count(); left > 0 && freed < most; --left) {
            const Kept kept = next_file();
            if (kept.owner) freed += kept.file->evict(most - freed);
        }
        if (freed == 0 && !write_back_some()) break;
    }
    return freed;
}

}  // namespace page_cache

Result<void> write_back_all(const FileSystem& file_system) {
    int error = 0;
    // Also those that are being written by somebody else: that is waited for.
    page_cache::visit_all([&](FileCache& file) {
        if (&file.file_system() != &file_system) return;
        const auto result = file.write_back();
        if (!result.ok() && error == 0) error = result.code();
    });
    if (error != 0) return Error{error};
    return {};
}

}  // namespace eremite::fs

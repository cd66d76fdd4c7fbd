#pragma once
// The pages of one file that are in memory. Reads, writes and mappings see the same frames. What was read goes again where memory is
// short; what was written stays until it was written back, and keeps the file's inode alive.
//
// One spinlock guards the pages and is never held while anything is copied or transferred. A page in use is marked instead: it is
// being read, being written back, or pinned by a copy. Whoever needs it otherwise waits. Two sleeping locks: `writers_` for whoever
// changes bytes or size, `transfers_` for whoever writes back; in this order.
#include <atomic>
#include <cstdint>
#include <span>
#include <utility>

#include "base/list.hpp"
#include "libos/fs/io_buffer.hpp"
#include "libos/fs/page_cache/page_store.hpp"
#include "libos/fs/page_tree.hpp"
#include "libos/mm/memory_object.hpp"
#include "libos/sched/mutex.hpp"

namespace eremite::fs {

class FileSystem;

class FileCache : public ListNode<> {
public:
    // Pages in one request, at most.
    static constexpr size_t largest_request = 128;

    // `owner`: the inode of a file of this file system, whose mapping functions call those below.
    FileCache(mm::MemoryObject& owner, PageStore& store, const FileSystem& file_system);
    FileCache(const FileCache&) = delete;
    FileCache& operator=(const FileCache&) = delete;
    // Does not wait: as long as there is anything to write back, the owner lives.
    ~FileCache();

    // The size as the program sees it. The file system sets it when it learns it; it is not asked for while it is ahead of the file
    // system's because of what was written.
    [[nodiscard]] uint64_t size() const { return size_.load(std::memory_order_relaxed); }
    // Whether anything that was written has not reached the store yet.
    [[nodiscard]] bool dirty();
    // What the file system found: the file's size, and a number that changes when somebody else changes the file (of modification time
    // and version). With another number than the last time, pages that are not dirty go. False: the file is dirty here, or was changed
    // here since changes() was `seen`, before the file system was asked; our size stands.
    bool revalidate(uint64_t size, uint64_t version, uint64_t seen);
    // Counts writes and changes of the size.
    [[nodiscard]] uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }
    // Whether pages may have to be written back later, of which some may be written through mappings.
    [[nodiscard]] bool in_use();

    // As Inode::read and Inode::write, but for the position, which is up to the caller. May wait. EIO, ENOMEM; EFAULT when nothing was
    // copied.
    [[nodiscard]] Result<size_t> read(uint64_t offset, IoBuffer& buffer);
    // `offset` becomes where the bytes went to begin, which is the end for `append`.
    [[nodiscard]] Result<size_t> write(uint64_t& offset, IoBuffer& buffer, bool append);
    // Here and in the store.
    [[nodiscard]] Result<void> truncate(uint64_t size);
    // Returns when what was written to these bytes before is in the store; the last error otherwise. To make it last is up to the
    // file system. Pages that could not be written are not tried again, as on Linux.
    [[nodiscard]] Result<void> write_back(uint64_t first_byte = 0, uint64_t last_byte = UINT64_MAX);
    // Writes back, then forgets every page: for I/O past the cache, and for a file that others changed.
    [[nodiscard]] Result<void> invalidate();
    // Makes the file so long, unless it is longer.
    [[nodiscard]] Result<void> extend(uint64_t size);
    // Forgets what pages with these bytes are clean, and neither in use nor mapped.
    void drop_clean(uint64_t first_byte = 0, uint64_t last_byte = UINT64_MAX);
    [[nodiscard]] bool mapped_anywhere();
    [[nodiscard]] uint64_t dirty_pages();

    // As long as it lives the file is written back and has no pages, and nobody takes one up: for changes of what the store has.
    class [[nodiscard]] Emptied {
    public:
        explicit Emptied(FileCache& cache);
        Emptied(const Emptied&) = delete;
        Emptied& operator=(const Emptied&) = delete;
        ~Emptied();
        // Of the write-back.
        [[nodiscard]] const Result<void>& result() const { return result_; }

    private:
        FileCache& cache_;
        Ref<mm::MemoryObject> not_needed_;
        sched::MutexGuard writers_, transfers_;
        Result<void> result_;
    };

    // Each open file learns once of each error of a write-back (fsync(2)): it keeps a cursor, which is read when it is opened.
    [[nodiscard]] uint64_t error_cursor();
    [[nodiscard]] Result<void> check_error(uint64_t& cursor);

    // The owner's functions as mm::MemoryObject.
    [[nodiscard]] Result<PhysicalAddress> page(uint64_t index, bool for_write);
    [[nodiscard]] Result<void> fetch(uint64_t index, bool for_write);
    [[nodiscard]] Result<void> synchronize_pages(uint64_t first, uint64_t count);
    void mapped();
    void unmapped();

    // Where memory is short (eviction.cpp): gives back clean pages, at most `most`, and returns how many. The first does nothing unless
    // the lock is free and no mapping knows the file. The second may wait for the address space.
    [[nodiscard]] size_t evict_unmapped(size_t most);
    [[nodiscard]] size_t evict(size_t most);
    // Called by those who know all caches, with their lock: false: it was called with this number before.
    [[nodiscard]] bool enter_pass(uint64_t pass) { return std::exchange(pass_, pass) != pass; }
    // The same: whether this one has no pages, and leaves their list until it has.
    [[nodiscard]] bool leave_if_empty();
    [[nodiscard]] mm::MemoryObject& owner() const { return owner_; }
    [[nodiscard]] const FileSystem& file_system() const { return file_system_; }

private:
    struct Window {
        uint64_t first;
        size_t count;
    };

    // file_cache.cpp. These require the lock, but for fill() and bring(), which wait.
    [[nodiscard]] Window window_at(uint64_t index, size_t wanted);
    [[nodiscard]] Result<void> fill(uint64_t index, size_t wanted);
    void count_new_pages(size_t count);
    [[nodiscard]] Result<void> bring(uint64_t index, bool for_write);
    void finish_reading(uint64_t first, size_t count, const Result<size_t>& result);
    [[nodiscard]] size_t pin(uint64_t index, std::span<PhysicalAddress> frames);
    void unpin(uint64_t index, size_t count);
    void wait_for_change() { changed_.wait_uninterruptibly(lock_); }
    // write.cpp
    void throttle();
    void mark_dirty(uint64_t index, uint64_t& page);
    [[nodiscard]] Result<size_t> write_piece(uint64_t offset, size_t size, IoBuffer& buffer);
    [[nodiscard]] Result<size_t> write_new_page(uint64_t offset, size_t size, IoBuffer& buffer);
    [[nodiscard]] size_t copy_in(uint64_t index, uint64_t in_page, size_t size, IoBuffer& buffer);
    void written(uint64_t index, uint64_t end);
    void zero_tail(uint64_t size);
    void wait_until_idle(uint64_t first);
    void take_out_from(uint64_t first);
    [[nodiscard]] Result<void> drop_all();
    void allow_pages();
    [[nodiscard]] Result<void> truncate_locked(uint64_t size);
    [[nodiscard]] bool has_pages();
    // write_back.cpp
    [[nodiscard]] Window take_dirty(uint64_t first, uint64_t last, std::span<PhysicalAddress> frames);
    void finish_writing(Window window, const Result<void>& result);
    [[nodiscard]] Result<void> write_back_locked(uint64_t first, uint64_t last);
    [[nodiscard]] Ref<mm::MemoryObject> settle();
    [[nodiscard]] uint64_t unseen_error() const;
    // eviction.cpp
    [[nodiscard]] bool look_at_hand(uint64_t& page);

    mm::MemoryObject& owner_;
    PageStore& store_;
    const FileSystem& file_system_;
    sync::Spinlock lock_{sync::Rank::MemoryObject};
    sched::Mutex writers_, transfers_;
    sched::WaitQueue changed_;  // a page is not in use any more
    std::atomic<uint64_t> size_{0};  // written with the lock and `writers_` held
    std::atomic<uint64_t> changes_{0};
    PageTree pages_;
    uint64_t dirty_ = 0;    // pages to write back
    uint64_t writing_ = 0;  // pages being written
    uint64_t dirty_first_ = UINT64_MAX, dirty_last_ = 0;  // dirty pages lie within
    uint32_t mappings_ = 0;
    bool holds_owner_ = false;  // because of dirty pages
    bool dropping_ = false;     // nobody may take a page up
    uint64_t pass_ = 0;
    uint64_t mapping_cursor_ = 0;  // which error those who map it have been told of
    bool listed_ = false;       // among the caches that may have pages
    uint64_t hand_ = 0;         // where the next eviction looks
    uint64_t expected_ = 0;     // a read there goes on sequentially
    size_t window_ = 0;         // pages that were read ahead
    uint64_t version_ = 0;
    uint32_t error_count_ = 0;
    int error_ = 0;
    bool error_seen_ = true;
};

}  // namespace eremite::fs

#pragma once
// The frames of one fault. They are made ready without the lock of the address space, and may turn out not to be needed: what is
// left over goes back.
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/mm/limits.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/mm/zero_page.hpp"

namespace eremite::mm {

class FrameStock {
public:
    using Use = PageAllocator::Use;

    FrameStock() {}
    FrameStock(const FrameStock&) = delete;
    FrameStock& operator=(const FrameStock&) = delete;
    ~FrameStock() {
        for (const PhysicalAddress frame : frames()) page_allocator().free(frame, 0);
        if (has_large()) page_allocator().free(large_, large_page_order);
    }

    // Single frames, contents arbitrary: at least one, at most `count`. Requires: there are none. ENOMEM.
    [[nodiscard]] Result<void> allocate(size_t count, Use use) {
        next_ = 0;
        use_ = use;
        if (count == 1) {
            frames_[0] = TRY(page_allocator().allocate(0, use));
            end_ = 1;
            return {};
        }
        end_ = static_cast<uint8_t>(page_allocator().allocate_pages({frames_, count}, use));
        if (empty()) return Error{ENOMEM};
        return {};
    }
    void zero() const {
        for (const PhysicalAddress frame : frames()) zero_pages(frame, 1);
    }
    [[nodiscard]] bool empty() const { return next_ == end_; }
    [[nodiscard]] Use use() const { return use_; }
    [[nodiscard]] std::span<const PhysicalAddress> frames() const { return {frames_ + next_, frames_ + end_}; }
    // The first ones are mapped.
    void take(size_t count) { next_ = static_cast<uint8_t>(next_ + count); }

    // The frames of a large page. Requires: there are none. False: there is no memory.
    [[nodiscard]] bool allocate_large(Use use) {
        const auto block = page_allocator().allocate(large_page_order, use);
        if (block.ok()) large_ = block.value();
        return block.ok();
    }
    void zero_large() const { zero_pages(large_, pages_per_large_page); }
    [[nodiscard]] bool has_large() const { return large_.value != 0; }
    [[nodiscard]] PhysicalAddress large() const { return large_; }
    void take_large() { large_ = {}; }

private:
    static constexpr unsigned large_page_order = 9;

    // Left uninitialized: most faults need one.
    union {
        PhysicalAddress frames_[longest_run];
    };
    PhysicalAddress large_{};
    uint8_t next_ = 0;
    uint8_t end_ = 0;
    Use use_ = Use::Ordinary;
};

}  // namespace eremite::mm

#pragma once
// The pages of a file: a radix tree of 64-way nodes from page index to page frame. A file of one page needs no node, holes
// cost nothing, and a file may be as sparse as 64-bit offsets allow.
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::fs {

class PageTree {
public:
    static constexpr uint64_t none = UINT64_MAX;

    PageTree() = default;
    PageTree(const PageTree&) = delete;
    PageTree& operator=(const PageTree&) = delete;
    // Requires: no page is left.
    ~PageTree();

    // The frame of a page, or null when there is a hole. A frame as the tree keeps it is never 0: its lowest bit is set. The other bits
    // around the address are the user's, and clear at first.
    static constexpr uint64_t address_bits = 0x000f'ffff'ffff'f000;
    struct Frame {
        uint64_t tagged = 0;
        explicit operator bool() const { return tagged != 0; }
        [[nodiscard]] PhysicalAddress address() const { return PhysicalAddress{tagged & address_bits}; }
    };
    [[nodiscard]] Frame find(uint64_t index) const {
        if (height_ == 0) [[likely]] return Frame{index == 0 ? root_ : 0};
        return find_below(index);
    }
    // Where the frame stands, for the user's bits; null when there is a hole. Good until the tree changes.
    [[nodiscard]] uint64_t* slot(uint64_t index);
    // ENOMEM. Requires: the page has no frame yet.
    [[nodiscard]] Result<void> insert(uint64_t index, PhysicalAddress frame);
    // Takes the pages of [first, last] out and calls release(PhysicalAddress) for each.
    template <typename Release>
    void remove(uint64_t first, uint64_t last, Release&& release) {
        if (root_ == 0 || first > last || first > capacity_mask()) return;
        remove_below(root_, height_, 0, first, last, release);
        if (root_ == 0) height_ = 0;
    }
    // Takes one page out and frees no memory. Requires: `slot` is that of a page.
    void take_out(uint64_t& slot) {
        slot = 0;
        --count_;
    }
    // The first page at or behind `index` that has a frame, or that has none; `none` when there is no such page.
    [[nodiscard]] uint64_t next_present(uint64_t index) const;
    [[nodiscard]] uint64_t next_absent(uint64_t index) const;
    // Pages that have a frame.
    [[nodiscard]] uint64_t count() const { return count_; }

private:
    static constexpr unsigned bits = 6;
    static constexpr uint64_t fanout = 1 << bits;
    struct Node {
        uint64_t slots[fanout] = {};
    };
    // SAFETY: above the lowest level slots hold addresses of nodes that the tree owns.
    [[nodiscard]] static Node* node(uint64_t slot) { return reinterpret_cast<Node*>(slot); }
    [[nodiscard]] static uint64_t slot_of(Node* node) { return reinterpret_cast<uint64_t>(node); }
    // Pages below one slot of a node `height` levels above the frames.
    [[nodiscard]] static unsigned shift(unsigned height) { return (height - 1) * bits; }
    [[nodiscard]] uint64_t capacity_mask() const { return height_ * bits >= 64 ? UINT64_MAX : (uint64_t{1} << (height_ * bits)) - 1; }
    [[nodiscard]] Frame find_below(uint64_t index) const;
    template <bool present>
    [[nodiscard]] static uint64_t next(uint64_t slot, unsigned height, uint64_t base, uint64_t index);
    static void free_nodes(uint64_t slot, unsigned height);

    template <typename Release>
    void remove_below(uint64_t& slot, unsigned height, uint64_t base, uint64_t first, uint64_t last, Release& release) {
        if (height == 0) {
            const Frame frame{slot};
            slot = 0;
            --count_;
            release(frame.address());
            return;
        }
        Node* const current = node(slot);
        const uint64_t span = uint64_t{1} << shift(height);
        bool empty = true;
        for (uint64_t i = 0; i < fanout; ++i) {
            uint64_t& child = current->slots[i];
            if (child == 0) continue;
            const uint64_t start = base + i * span;
            if (start <= last && start + (span - 1) >= first) remove_below(child, height - 1, start, first, last, release);
            if (child != 0) empty = false;
        }
        if (empty) {
            delete current;
            slot = 0;
        }
    }

    uint64_t root_ = 0;
    unsigned height_ = 0;  // levels of nodes
    uint64_t count_ = 0;
};

}  // namespace eremite::fs

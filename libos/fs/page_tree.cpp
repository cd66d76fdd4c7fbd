#include "libos/fs/page_tree.hpp"

#include <algorithm>
#include <new>

namespace eremite::fs {

PageTree::~PageTree() {
    if (root_ != 0 && height_ > 0) free_nodes(root_, height_);
}

// An insert that failed half-way leaves nodes without pages.
void PageTree::free_nodes(uint64_t slot, unsigned height) {
    Node* const current = node(slot);
    if (height > 1) {
        for (const uint64_t child : current->slots) {
            if (child != 0) free_nodes(child, height - 1);
        }
    }
    delete current;
}

PageTree::Frame PageTree::find_below(uint64_t index) const {
    if (index > capacity_mask()) return {};
    uint64_t slot = root_;
    for (unsigned height = height_; height > 0 && slot != 0; --height) slot = node(slot)->slots[(index >> shift(height)) % fanout];
    return Frame{slot};
}

uint64_t* PageTree::slot(uint64_t index) {
    if (index > capacity_mask()) return nullptr;
    uint64_t* at = &root_;
    for (unsigned height = height_; height > 0 && *at != 0; --height) at = &node(*at)->slots[(index >> shift(height)) % fanout];
    return *at != 0 ? at : nullptr;
}

Result<void> PageTree::insert(uint64_t index, PhysicalAddress frame) {
    while (index > capacity_mask()) {
        if (root_ != 0) {
            Node* const above = new (std::nothrow) Node;
            if (!above) return Error{ENOMEM};
            above->slots[0] = root_;
            root_ = slot_of(above);
        }
        ++height_;
    }
    uint64_t* slot = &root_;
    for (unsigned height = height_; height > 0; --height) {
        if (*slot == 0) {
            Node* const below = new (std::nothrow) Node;
            if (!below) return Error{ENOMEM};
            *slot = slot_of(below);
        }
        slot = &node(*slot)->slots[(index >> shift(height)) % fanout];
    }
    *slot = frame.value | 1;
    ++count_;
    return {};
}

// The lowest index >= `index` below `slot` that is present or absent; `base` is the index of the first page below it.
template <bool present>
uint64_t PageTree::next(uint64_t slot, unsigned height, uint64_t base, uint64_t index) {
    if (slot == 0) return present ? none : std::max(base, index);
    if (height == 0) return present ? base : none;
    const uint64_t span = uint64_t{1} << shift(height);
    uint64_t i = index > base ? (index - base) >> shift(height) : 0;
    for (; i < fanout; ++i) {
        const uint64_t found = next<present>(node(slot)->slots[i], height - 1, base + i * span, index);
        if (found != none) return found;
    }
    return none;
}

uint64_t PageTree::next_present(uint64_t index) const {
    if (index > capacity_mask()) return none;
    return next<true>(root_, height_, 0, index);
}

uint64_t PageTree::next_absent(uint64_t index) const {
    if (index > capacity_mask()) return index;
    const uint64_t found = next<false>(root_, height_, 0, index);
    return found == none ? capacity_mask() + 1 : found;
}

}  // namespace eremite::fs

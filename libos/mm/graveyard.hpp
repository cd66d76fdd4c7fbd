#pragma once
// Where removed areas wait until the lock is released. Declared before the guard, so that it is destroyed after it.
#include "libos/mm/address_space.hpp"

namespace eremite::mm {

class AddressSpace::Graveyard {
public:
    Graveyard() = default;
    Graveyard(const Graveyard&) = delete;
    Graveyard& operator=(const Graveyard&) = delete;
    ~Graveyard() {
        while (Vma* vma = head_) {
            head_ = VmaTree::right(*vma);
            if (vma->object) vma->object->unmapped();
            delete vma;
        }
    }
    // Requires: in no tree. The tree's link serves as ours.
    void add(Vma& vma) {
        vma.right = head_;
        head_ = &vma;
    }

private:
    Vma* head_ = nullptr;
};

}  // namespace eremite::mm

#pragma once
// One virtual memory area: a range of addresses that the program (or we) mapped, with one set of properties.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/address.hpp"
#include "base/ref.hpp"
#include "base/tree.hpp"
#include "libos/mm/memory_object.hpp"

namespace eremite::mm {

// Access rights with the values of PROT_READ, PROT_WRITE, PROT_EXEC.
struct Protection {
    uint8_t bits = 0;
    constexpr bool operator==(const Protection&) const = default;
    [[nodiscard]] constexpr bool readable() const { return (bits & 1) != 0; }
    [[nodiscard]] constexpr bool writable() const { return (bits & 2) != 0; }
    [[nodiscard]] constexpr bool executable() const { return (bits & 4) != 0; }
    [[nodiscard]] constexpr bool within(Protection limit) const { return (bits & ~limit.bits) == 0; }
};
namespace protection {
inline constexpr Protection none{0};
inline constexpr Protection read{1};
inline constexpr Protection read_write{3};
inline constexpr Protection read_execute{5};
inline constexpr Protection all{7};
}  // namespace protection

struct Vma : TreeNode<> {
    enum class Kind : uint8_t {
        Anonymous,  // zeroed on first touch
        Object,     // pages of a MemoryObject
        Image,      // memory that the boot loader filled; mapped from the start, never freed
        Kernel,     // ours: the program may not change it
    };
    // Properties that madvise, mlock and mmap flags set.
    struct Flags {
        bool shared : 1 = false;
        bool no_reserve : 1 = false;
        bool accounted : 1 = false;  // counts against the commit limit
        bool grows_down : 1 = false;
        bool locked : 1 = false;
        bool stack : 1 = false;
        bool heap : 1 = false;
        bool huge : 1 = false;
        bool no_huge : 1 = false;
        constexpr bool operator==(const Flags&) const = default;
    };

    VirtualRange range;
    Kind kind = Kind::Anonymous;
    Protection protection;
    Protection maximum = protection::all;  // what mprotect may give
    Flags flags;
    Ref<MemoryObject> object;
    uint64_t page_offset = 0;  // of range.start in the object
    std::string_view name;

    // Augmentation of the tree: extent of the subtree and the widest gap within it.
    uint64_t subtree_first = 0;
    uint64_t subtree_end = 0;
    uint64_t subtree_gap = 0;

    // A copy that is in no tree.
    [[nodiscard]] Vma detached() const {
        Vma copy{*this};
        static_cast<TreeNode<>&>(copy) = {};
        return copy;
    }
    [[nodiscard]] bool private_object() const { return kind == Kind::Object && !flags.shared; }
    [[nodiscard]] uint64_t object_page(VirtualAddress address) const { return page_offset + (address - range.start) / page_size; }
};

// How the tree orders areas and keeps the gaps known.
struct VmaTraits {
    [[nodiscard]] static uint64_t key(const Vma& vma) { return vma.range.start.value; }
    // Returns whether anything changed.
    static bool update(Vma& vma, const Vma* left, const Vma* right) {
        const uint64_t first = left ? left->subtree_first : vma.range.start.value;
        const uint64_t end = right ? right->subtree_end : vma.range.end.value;
        uint64_t gap = 0;
        if (left) gap = std::max(left->subtree_gap, vma.range.start.value - left->subtree_end);
        if (right) gap = std::max({gap, right->subtree_gap, right->subtree_first - vma.range.end.value});
        const bool changed = first != vma.subtree_first || end != vma.subtree_end || gap != vma.subtree_gap;
        vma.subtree_first = first;
        vma.subtree_end = end;
        vma.subtree_gap = gap;
        return changed;
    }
};
using VmaTree = Tree<Vma, VmaTraits>;

}  // namespace eremite::mm

#pragma once
// Physical and virtual addresses as distinct types: a raw integer that means an address is how one is taken for the other.
#include <compare>
#include <cstddef>
#include <cstdint>

namespace eremite {

inline constexpr uint64_t page_shift = 12;
inline constexpr uint64_t page_size = uint64_t{1} << page_shift;
inline constexpr uint64_t large_page_size = uint64_t{2} << 20;
inline constexpr uint64_t huge_page_size = uint64_t{1} << 30;

// `alignment` is a power of two. align_up wraps to 0 at the end of the address space: check before.
[[nodiscard]] constexpr uint64_t align_down(uint64_t value, uint64_t alignment) { return value & ~(alignment - 1); }
[[nodiscard]] constexpr uint64_t align_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }
[[nodiscard]] constexpr bool is_aligned(uint64_t value, uint64_t alignment) { return (value & (alignment - 1)) == 0; }

template <typename Tag>
struct Address {
    uint64_t value = 0;

    constexpr auto operator<=>(const Address&) const = default;
    [[nodiscard]] constexpr Address operator+(uint64_t bytes) const { return {value + bytes}; }
    [[nodiscard]] constexpr Address operator-(uint64_t bytes) const { return {value - bytes}; }
    [[nodiscard]] constexpr uint64_t operator-(Address other) const { return value - other.value; }
    constexpr Address& operator+=(uint64_t bytes) { value += bytes; return *this; }
    [[nodiscard]] constexpr Address down_to(uint64_t alignment) const { return {align_down(value, alignment)}; }
    [[nodiscard]] constexpr Address up_to(uint64_t alignment) const { return {align_up(value, alignment)}; }
    [[nodiscard]] constexpr bool is_aligned(uint64_t alignment) const { return eremite::is_aligned(value, alignment); }
};

using PhysicalAddress = Address<struct PhysicalTag>;

struct VirtualAddress : Address<struct VirtualTag> {
    using Base = Address<struct VirtualTag>;
    constexpr VirtualAddress() = default;
    constexpr VirtualAddress(uint64_t v) : Base{v} {}
    constexpr VirtualAddress(Base base) : Base{base} {}
    explicit VirtualAddress(const void* pointer) : Base{reinterpret_cast<uint64_t>(pointer)} {}
    // SAFETY: the caller knows what stands at this address; the type only carries it.
    template <typename T>
    [[nodiscard]] T* as() const { return reinterpret_cast<T*>(value); }
};

// [start, end)
template <typename A>
struct Range {
    A start{};
    A end{};
    [[nodiscard]] constexpr uint64_t size() const { return end.value - start.value; }
    [[nodiscard]] constexpr bool empty() const { return end <= start; }
    [[nodiscard]] constexpr bool contains(A a) const { return a >= start && a < end; }
    [[nodiscard]] constexpr bool contains(const Range& r) const { return r.start >= start && r.end <= end; }
    [[nodiscard]] constexpr bool overlaps(const Range& r) const { return r.start < end && start < r.end; }
    constexpr bool operator==(const Range&) const = default;
};
using PhysicalRange = Range<PhysicalAddress>;
using VirtualRange = Range<VirtualAddress>;

// All of physical memory stands here in the virtual address space (no execute, without the supervisor's pages).
#ifdef __SANITIZE_THREAD__
inline constexpr uint64_t direct_map_base = 0x7e90'0000'0000;  // of host tests: ThreadSanitizer leaves little to choose
#else
inline constexpr uint64_t direct_map_base = 0x4000'0000'0000;
#endif
// Programs may map below this address.
inline constexpr uint64_t user_address_end = direct_map_base;

[[nodiscard]] constexpr VirtualAddress direct_map(PhysicalAddress p) { return VirtualAddress{p.value + direct_map_base}; }
[[nodiscard]] constexpr PhysicalAddress physical_of_direct_map(VirtualAddress v) { return PhysicalAddress{v.value - direct_map_base}; }

}  // namespace eremite

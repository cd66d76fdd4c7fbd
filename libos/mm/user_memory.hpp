#pragma once
// Memory that the program named in a system call. Program and library OS share an address space, so nothing but these
// types keeps a wild pointer from the program apart from ours: it is checked where it enters.
//
// Memory of the program may be a file's, which a device has to read first. Where that can be waited for, it is. The functions
// that may be called under a spinlock fail instead; what that leads to stands in sched/awaited_memory.hpp.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/arch/user_copy.hpp"

namespace eremite::mm {

// Copy `size` bytes from or to the program. EFAULT when any byte is not accessible (a part may have been copied).
// Requires: no spinlock is held.
[[nodiscard]] Result<void> copy_from_user(void* destination, VirtualAddress source, size_t size);
[[nodiscard]] Result<void> copy_to_user(VirtualAddress destination, const void* source, size_t size);

// The rest may be called under a spinlock of a rank before AddressSpace.
[[nodiscard]] Result<void> copy_from_user_now(void* destination, VirtualAddress source, size_t size);
[[nodiscard]] Result<void> copy_to_user_now(VirtualAddress destination, const void* source, size_t size);
[[nodiscard]] Result<void> zero_user_now(VirtualAddress destination, size_t size);

// A word that other CPUs change too, as a whole. `word` is aligned to 4. EFAULT.
[[nodiscard]] Result<uint32_t> load_user_word(VirtualAddress word);
// Stores `desired` if the word is `expected`. Returns what it was. EFAULT.
[[nodiscard]] Result<uint32_t> compare_exchange_user_word(VirtualAddress word, uint32_t expected, uint32_t desired);

// Copies a zero-terminated string, for which it may wait. EFAULT when it is not readable, ENAMETOOLONG when no zero stands within the buffer.
[[nodiscard]] Result<std::string_view> copy_string_from_user(std::span<char> buffer, VirtualAddress source);

// A pointer from the program to one T or an array of T.
template <typename T>
class UserPtr {
public:
    constexpr UserPtr() = default;
    constexpr explicit UserPtr(VirtualAddress address) : address_{address} {}
    [[nodiscard]] VirtualAddress address() const { return address_; }
    explicit operator bool() const { return address_.value != 0; }
    [[nodiscard]] UserPtr operator+(size_t n) const { return UserPtr{VirtualAddress{address_.value + n * sizeof(T)}}; }

    [[nodiscard]] Result<T> load() const {
        T value;
        TRY(copy_from_user(&value, address_, sizeof(T)));
        return value;
    }
    [[nodiscard]] Result<void> store(const T& value) const { return copy_to_user(address_, &value, sizeof(T)); }

private:
    VirtualAddress address_;
};

}  // namespace eremite::mm

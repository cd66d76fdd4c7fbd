#include "libos/mm/user_memory.hpp"

#include <algorithm>
#include <cstring>

#include "libos/sync/lock_check.hpp"

namespace eremite::mm {

namespace {

bool in_user_space(VirtualAddress address, size_t size) {
    return address.value < user_address_end && size <= user_address_end - address.value;
}

}  // namespace

Result<void> copy_from_user(void* destination, VirtualAddress source, size_t size) {
    if constexpr (sync::locks_are_checked) sync::check_none_held();
    if (!in_user_space(source, size) || arch::user_copy(destination, source.as<const void>(), size) != 0) return Error{EFAULT};
    return {};
}

Result<void> copy_to_user(VirtualAddress destination, const void* source, size_t size) {
    if constexpr (sync::locks_are_checked) sync::check_none_held();
    if (!in_user_space(destination, size) || arch::user_copy(destination.as<void>(), source, size) != 0) return Error{EFAULT};
    return {};
}

Result<void> copy_from_user_now(void* destination, VirtualAddress source, size_t size) {
    if (!in_user_space(source, size) || arch::user_copy_now(destination, source.as<const void>(), size) != 0) return Error{EFAULT};
    return {};
}

Result<void> copy_to_user_now(VirtualAddress destination, const void* source, size_t size) {
    if (!in_user_space(destination, size) || arch::user_copy_now(destination.as<void>(), source, size) != 0) return Error{EFAULT};
    return {};
}

Result<void> zero_user_now(VirtualAddress destination, size_t size) {
    if (!in_user_space(destination, size) || arch::user_zero(destination.as<void>(), size) != 0) return Error{EFAULT};
    return {};
}

Result<uint32_t> load_user_word(VirtualAddress word) {
    uint32_t value;
    if (!in_user_space(word, sizeof value) || !arch::user_load_word(word.as<const uint32_t>(), &value)) return Error{EFAULT};
    return value;
}

Result<uint32_t> compare_exchange_user_word(VirtualAddress word, uint32_t expected, uint32_t desired) {
    if (!in_user_space(word, sizeof expected) || !arch::user_compare_exchange_word(word.as<uint32_t>(), &expected, desired)) return Error{EFAULT};
    return expected;
}

Result<std::string_view> copy_string_from_user(std::span<char> buffer, VirtualAddress source) {
    size_t length = 0;
    while (length < buffer.size()) {
        // A string may end just before an unmapped page, so a piece never crosses a page boundary.
        const size_t to_page_end = page_size - (source.value + length) % page_size;
        const size_t piece = std::min({to_page_end, buffer.size() - length, size_t{64}});
        TRY(copy_from_user(buffer.data() + length, source + length, piece));
        if (const void* zero = std::memchr(buffer.data() + length, 0, piece))
            return std::string_view{buffer.data(), static_cast<const char*>(zero)};
        length += piece;
    }
    return Error{ENAMETOOLONG};
}

}  // namespace eremite::mm

#pragma once
// From registers to typed handlers: `adapt<sys_read>` is the function that the table holds for a handler
// `Result<long> sys_read(int, VirtualAddress, size_t)`. Values are converted, a Result becomes a value or -errno.
#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/sync/lock_check.hpp"

// Host tests compile handlers with vector instructions, which the attribute rules out.
#ifdef EREMITE_KERNEL
#define EREMITE_KEEPS_REGISTERS __attribute__((no_caller_saved_registers))
#else
#define EREMITE_KEEPS_REGISTERS
#endif

namespace eremite::syscall {

using Entry = long (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

// Which entry stands for a number (__NR_* of asm/unistd.h).
struct Assignment {
    unsigned number;
    Entry entry;
};

template <typename T>
struct FromRegister {
    static T convert(uint64_t v) { return static_cast<T>(v); }
};
template <>
struct FromRegister<VirtualAddress> {
    static VirtualAddress convert(uint64_t v) { return VirtualAddress{v}; }
};
template <typename T>
struct FromRegister<mm::UserPtr<T>> {
    static mm::UserPtr<T> convert(uint64_t v) { return mm::UserPtr<T>{VirtualAddress{v}}; }
};

// What a system call returns: the value, or -errno.
inline long to_register(const Result<long>& result) { return result.ok() ? result.value() : -result.code(); }

// What a call that failed returns. Remembers which one it was, by its entry in the table (table.cpp), if it is made again: a signal
// interrupted it, or it met memory that has to be waited for, which is done here.
EREMITE_KEEPS_REGISTERS long fail(int code, Entry entry);

template <auto handler, typename... Parameters, size_t... I>
inline Result<long> call_with(Result<long> (*)(Parameters...), std::index_sequence<I...>, const uint64_t (&r)[6]) {
    return handler(FromRegister<std::remove_cvref_t<Parameters>>::convert(r[I])...);
}

template <auto handler, typename... Parameters>
inline Result<long> call(Result<long> (*signature)(Parameters...), const uint64_t (&r)[6]) {
    static_assert(sizeof...(Parameters) <= 6);
    return call_with<handler>(signature, std::make_index_sequence<sizeof...(Parameters)>{}, r);
}

// Keeps all registers but its result's: the system-call path saves none, and most handlers of short calls need few.
template <auto handler>
EREMITE_KEEPS_REGISTERS long adapt(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    if constexpr (sync::locks_are_checked) sync::check_none_held();
    const uint64_t registers[6] = {a, b, c, d, e, f};
    const Result<long> result = call<handler>(handler, registers);
    if constexpr (sync::locks_are_checked) sync::check_none_held();
    return result.ok() ? result.value() : fail(result.code(), adapt<handler>);
}

}  // namespace eremite::syscall

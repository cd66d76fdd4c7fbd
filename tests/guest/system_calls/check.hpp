#pragma once
// System calls without the C library's opinion, and checks that print one line each. Whatever kernel runs it, the output must
// be the same, so what may differ (times, identities, sizes) is printed as a relation that holds everywhere.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

namespace system_calls {

long raw_call(long number, const long (&words)[6]);

// A system call's result, or the negative errno.
template <typename... Arguments>
long call(long number, Arguments... arguments) {
    const long words[6] = {(long)arguments...};  // pointers and integers alike
    return raw_call(number, words);
}

// An address at which nothing is ever mapped.
inline void* const nowhere = reinterpret_cast<void*>(8);

// Prints "what: 0" or "what: EINVAL".
void report(const char* what, long result);
void report_text(const char* what, const char* text);
#define CHECK(expression) ::system_calls::report(#expression, (long)(expression))
#define CHECK_TEXT(expression) ::system_calls::report_text(#expression, (expression))

void check_identity();
void check_time();
void check_process();
void check_limits();

}  // namespace system_calls

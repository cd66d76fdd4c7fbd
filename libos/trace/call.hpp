#pragma once
// A system call and how it is shown: "openat(AT_FDCWD, "/etc/x", O_RDONLY) = 3".
#include <cstdint>

#include "base/format.hpp"
#include "libos/trace/kind.hpp"

namespace eremite::trace {

struct Call {
    uint64_t number;
    uint64_t arguments[6];
    int64_t result = 0;  // once it is over
    [[nodiscard]] bool failed() const { return result < 0 && result >= -4095; }
};

// "openat"; "syscall_0x1ff" for a number that is none of Linux's.
void write_name(TextSink& out, uint64_t number);
// What is known when the call begins: the name and the arguments up to the first that the call itself fills.
void write_start(TextSink& out, const Call& call);
// The rest, to the result.
void write_end(TextSink& out, const Call& call);

}  // namespace eremite::trace

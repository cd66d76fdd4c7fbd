#pragma once
// The trap into the supervisor.
#include "abi/supervisor_call.hpp"

extern "C" uint64_t supervisor_call_raw(uint64_t operation, uint64_t a, uint64_t b, uint64_t c);

namespace eremite::arch {

using Call = abi::SupervisorCall;

inline uint64_t call(Call operation, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
    return supervisor_call_raw(static_cast<uint64_t>(operation), a, b, c);
}

}  // namespace eremite::arch

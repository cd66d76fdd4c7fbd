#pragma once
// libext2fs's error codes as ours.
#include "base/result.hpp"

namespace eremite::fs::ext4 {

// What is wrong on the volume is EUCLEAN, as Linux says it.
[[nodiscard]] Error error_of(long code);
[[nodiscard]] inline Result<void> checked(long code) { return code == 0 ? Result<void>{} : Result<void>{error_of(code)}; }
// The other way round, for functions that the library calls.
[[nodiscard]] inline long code_of(const Result<void>& result) { return result.code(); }

}  // namespace eremite::fs::ext4

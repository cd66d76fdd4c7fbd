#pragma once
// Errors of this folder are those that the guest is told: an errno. (vmm::Error, with a sentence for the user, is for setting up.)
#include <sys/types.h>

#include <cerrno>

#include "base/result.hpp"

namespace eremite::vmm::fs {

using eremite::Error;

// The value of a system call, which returned -1 for an error.
[[nodiscard]] inline Result<size_t> checked(ssize_t result) {
    if (result < 0) return Error{errno};
    return static_cast<size_t>(result);
}
// The same where success has no value.
[[nodiscard]] inline Result<void> done(int result) { return result < 0 ? Result<void>{Error{errno}} : Result<void>{}; }

}  // namespace eremite::vmm::fs

#pragma once
// The checks of tests/guest/files, run on the host: by the Linux kernel in a temporary directory of a tmpfs, and by our handlers.
// What they print must be the same.
#include <string>
#include <vector>

namespace eremite::test {

// `limited`: without what file systems of another machine do not have, see check.hpp.
// Requires: root, and a tmpfs at /dev/shm.
[[nodiscard]] std::vector<std::string> checked_by_linux(bool limited = false);
// In a new directory. Requires: a Program.
[[nodiscard]] std::vector<std::string> checked_by_us(const std::string& directory, bool limited = false);

}  // namespace eremite::test

#pragma once
// The checks of tests/guest/files, run on the host: by the Linux kernel in a temporary directory of a tmpfs, and by our handlers.
// What they print must be the same.
#include <string>
#include <vector>

namespace eremite::test {

// Without what file systems of other machines do not have, see check.hpp.
struct Lacking {
    bool most = false;
    bool unnamed = false;
};
// Requires: root, and a tmpfs at /dev/shm.
[[nodiscard]] std::vector<std::string> checked_by_linux(Lacking lacking = {});
// In a new directory. Requires: a Program.
[[nodiscard]] std::vector<std::string> checked_by_us(const std::string& directory, Lacking lacking = {});

}  // namespace eremite::test

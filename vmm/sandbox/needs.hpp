#pragma once
// What a device goes on to need of the host's kernel while its machine runs, beyond what all of the monitor does.
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "vmm/sandbox/paths.hpp"
#include "vmm/sandbox/privileges.hpp"
#include "vmm/sandbox/system_calls.hpp"

namespace eremite::vmm::sandbox {

struct Needs {
    std::vector<AllowedCall> calls;
    std::vector<ReachableFolder> folders;
    uint64_t capabilities = 0;  // of root's, if it is root

    void add_calls(std::initializer_list<long> numbers) {
        for (const long number : numbers) calls.push_back({.number = static_cast<int>(number)});
    }
};

}  // namespace eremite::vmm::sandbox

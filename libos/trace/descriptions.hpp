#pragma once
// What is known of each system call, in a table.
#include <cstdint>
#include <string_view>

#include "base/format.hpp"
#include "libos/trace/kind.hpp"

namespace eremite::trace {

// Sets of calls with a common subject, as strace(1) has them.
enum Group : uint8_t {
    with_file = 1,     // a path
    with_fd = 2,       // a file descriptor
    with_memory = 4,
    with_process = 8,  // beginnings and ends
    with_signal = 16,
    with_network = 32,
    with_clock = 64,
    with_identity = 128,
};

struct Description {
    uint16_t number;
    uint8_t groups;
    Argument result;
    Argument arguments[6];
};

// Of a number that is not in the table: six numbers, and a `number` that no call has.
[[nodiscard]] const Description& description_of(uint64_t number);

// The group that a pattern calls "file"; 0: there is none of that name.
[[nodiscard]] uint8_t group_named(std::string_view name);
// All of them, as a message lists them: "%file, %desc, ...".
void write_group_names(TextSink& out);

}  // namespace eremite::trace

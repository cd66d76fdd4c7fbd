// What volumes need of the rest of the kernel beside what file systems of servers do.
#include <cstdint>
#include <span>

#include "libos/log/log.hpp"
#include "libos/random/random.hpp"
#include "libos/sched/threads.hpp"

namespace eremite {

namespace log {
bool enabled(Level) { return false; }
void write_line(Level, std::string_view, std::span<const FormatArgument>) {}
}  // namespace log

namespace random {
void fill(std::span<uint8_t> bytes) {
    for (uint8_t& byte : bytes) byte = 4;
}
}  // namespace random

namespace sched {
Result<void> start_kernel_thread(void (*)(void*), void*) { return Error{ENOSYS}; }
}  // namespace sched

}  // namespace eremite

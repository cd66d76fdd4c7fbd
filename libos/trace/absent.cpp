// Stands for all of this folder in an image without the component.
#include "libos/log/log.hpp"
#include "libos/trace/trace.hpp"

namespace eremite::trace {

Result<void> start(std::string_view value) {
    log::error("trace={}: this image was linked without the component trace", value);
    return Error{ENOTSUP};
}

void signal_delivered(const siginfo_t&) {}
void program_killed(int) {}

}  // namespace eremite::trace

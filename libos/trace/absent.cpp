// Stands for all of this folder in a kernel without it.
#include "libos/log/log.hpp"
#include "libos/trace/trace.hpp"

namespace eremite::trace {

Result<void> start(std::string_view) {
    log::error("this kernel was built without tracing of system calls (CMake option EREMITE_TRACE)");
    return Error{ENOTSUP};
}

}  // namespace eremite::trace

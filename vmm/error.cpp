#include "vmm/error.hpp"

#include <cerrno>
#include <cstring>

namespace eremite::vmm {

Error system_error(const std::string& what) {
    return Error{what + ": " + std::strerror(errno)};
}

}  // namespace eremite::vmm

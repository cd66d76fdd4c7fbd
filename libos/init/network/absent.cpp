// Of images without the component net.
#include "libos/init/network/network.hpp"

namespace eremite::init {

Result<void> start_network(const NetworkArguments& arguments) {
    return arguments.address.empty() ? Result<void>{} : Result<void>{Error{ENOSYS}};
}

}  // namespace eremite::init

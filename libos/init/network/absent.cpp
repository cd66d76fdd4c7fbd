// Of images without the component net.
#include "libos/init/network/network.hpp"
#include "libos/log/log.hpp"

namespace eremite::init {

Result<void> start_network(const NetworkArguments& arguments, const fs::Context&) {
    if (arguments.addresses.empty() && arguments.gateways.empty() && arguments.mtu.empty() && arguments.dns.empty() && arguments.capture.empty()) return {};
    log::error("this image was made without the component net");
    return Error{ENOSYS};
}

void renew_network(const NetworkArguments&) {}

void finish_network() {}

}  // namespace eremite::init

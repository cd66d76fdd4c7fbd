#pragma once
// The network of a machine that has one: its interfaces get what kernel arguments say, else what a DHCP server gives.
#include "libos/fs/context.hpp"
#include "libos/init/kernel_arguments.hpp"

namespace eremite::init {

// Waits a few seconds for a DHCP server where it needs one; a machine without an answer goes on without an address. EINVAL: a malformed
// argument; ENODEV: arguments for an interface that is not there; ENOSYS: arguments, and an image without the component `net`.
[[nodiscard]] Result<void> start_network(const NetworkArguments& arguments, const fs::Context& context);
// The machine is a copy of one whose addresses it has: it gets those of `arguments`, or asks for others where it had them by DHCP.
void renew_network(const NetworkArguments& arguments);
// What was sent last reaches others before the machine ends; a few seconds are spent on that at most.
void finish_network();

}  // namespace eremite::init

#pragma once
// The network of a machine that has one: its interface gets what kernel arguments say.
#include "libos/init/kernel_arguments.hpp"

namespace eremite::init {

// Does nothing without arguments for it. ENODEV: there is no network interface; EINVAL: a malformed argument; ENOSYS: the image has not the
// component `net`.
[[nodiscard]] Result<void> start_network(const NetworkArguments& arguments);

}  // namespace eremite::init

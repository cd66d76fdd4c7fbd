#pragma once
// The files in which C libraries look for names: /etc/hosts and /etc/resolv.conf.
#include <span>
#include <string_view>

#include "libos/fs/context.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::init {

// Files that are there already stay as they are: they came with the program.
[[nodiscard]] Result<void> make_name_files(const fs::Context& context, std::string_view host_name, std::string_view domain,
                                           std::span<const net::IpAddress> servers);

}  // namespace eremite::init

#pragma once
// F_SETLK and its relatives of fcntl(2).
#include "base/address.hpp"
#include "libos/fs/file.hpp"

namespace eremite::syscall {

// `file`: what `descriptor` stands for. `address`: a struct flock.
Result<long> record_lock(fs::File& file, int descriptor, int command, VirtualAddress address);

}  // namespace eremite::syscall

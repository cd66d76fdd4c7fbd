#pragma once
// /proc (proc(5)) and the little of /sys that C libraries and runtimes read. Texts are made when a file is opened.
#include "base/ref.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs::proc {

// Fresh trees to be mounted. ENOMEM.
[[nodiscard]] Result<Ref<Inode>> create_proc();
[[nodiscard]] Result<Ref<Inode>> create_sys();

}  // namespace eremite::fs::proc

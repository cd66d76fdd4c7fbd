#pragma once
// signalfd(2): pending signals that are read as records instead of being handled.
#include <cstdint>

#include "libos/fs/file.hpp"

namespace eremite::ipc {

// `signals`: bit n - 1 for signal n.
[[nodiscard]] Result<Ref<fs::File>> create_signal_file(uint64_t signals, uint32_t flags);
[[nodiscard]] inline bool is_signal_file(fs::File& file) { return file.kind() == fs::FileKind::Signals; }
// Requires: is_signal_file(file).
void set_signal_file(fs::File& file, uint64_t signals);

}  // namespace eremite::ipc

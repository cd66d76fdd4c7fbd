#pragma once
// What a Linux guest's first process has to do for itself, since it finds no drivers and nothing mounted.
#include "measure.hpp"

namespace eremite::bench {

/// Loads the drivers of the archive's /modules in the order of their names, mounts /dev, and `options.mount` on `options.directory`.
/// What fails ends the program.
void prepare_guest(const Options& options);

}  // namespace eremite::bench

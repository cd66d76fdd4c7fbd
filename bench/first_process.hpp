#pragma once
// What a Linux guest's first process has to do for itself, since it finds no drivers and nothing mounted.
#include <string>

#include "measure.hpp"

namespace eremite::bench {

/// Loads the drivers of the archive's /modules in the order of their names, mounts /dev, and `options.mount` on `options.directory`.
/// What fails ends the program.
void prepare_guest(const Options& options);

/// Brings an interface up, with an address of its own if one is given, ADDRESS/LENGTH. What fails ends the program.
void start_interface(const char* name, const std::string& address = {});
inline void start_loopback() { start_interface("lo"); }

}  // namespace eremite::bench

#pragma once

namespace eremite::init {

// What the program wrote to files goes to whatever keeps them, and volumes are unmounted, for which the machine lives on for a limited
// time; then it ends with this status. Called by a thread of the program that ends it, the first of which decides. Requires: no lock is held.
void store_files(int status);

}  // namespace eremite::init

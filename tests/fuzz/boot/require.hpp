#pragma once
#include <cstdlib>

namespace eremite::test {

// What must hold on any input. libFuzzer keeps the input of a run that aborts.
inline void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace eremite::test

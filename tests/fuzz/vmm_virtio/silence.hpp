#pragma once
#include <cstdio>

namespace eremite::test {

// Devices that are misused say so, which a fuzzer does a thousand times a second. The sanitizers and the fuzzer itself do not use the stream.
inline void silence() {
    static FILE* const nowhere = std::fopen("/dev/null", "w");
    if (nowhere) stderr = nowhere;
}

}  // namespace eremite::test

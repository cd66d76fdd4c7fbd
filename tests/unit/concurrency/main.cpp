// The scheduler, what waits on it and what wakes, with real sources and real concurrency, under ThreadSanitizer.
#include <gtest/gtest.h>

#include "machine.hpp"

extern "C" const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1:history_size=4"; }

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    eremite::test::start_machine();
    const int result = RUN_ALL_TESTS();
    // The CPUs sleep; nothing of theirs may be torn down under them.
    fflush(nullptr);
    _Exit(result);
}

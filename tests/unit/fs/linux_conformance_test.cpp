#include <gtest/gtest.h>
#include <unistd.h>

#include "conformance.hpp"
#include "machine.hpp"

namespace eremite::test {

namespace {

// The address space of the test has no areas to be listed.
bool comparable(const std::string& line) {
    return line.find("read(3, buffer, sizeof buffer) > 0") == line.npos;
}

}  // namespace

TEST(LinuxConformance, SameResults) {
    if (::access("/dev/shm", W_OK) != 0 || ::geteuid() != 0) GTEST_SKIP() << "needs root and a tmpfs at /dev/shm";
    const std::vector<std::string> expected = checked_by_linux();
    const Program program;
    const std::vector<std::string> actual = checked_by_us("/dev/shm/checks");
    ASSERT_GT(expected.size(), 900U);
    EXPECT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
        if (!comparable(expected[i])) continue;
        EXPECT_EQ(actual[i], expected[i]) << "line " << i + 1;
    }
}

}  // namespace eremite::test

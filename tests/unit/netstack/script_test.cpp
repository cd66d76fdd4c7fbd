// The scripts of scripts/, each a test of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/netstack/script.hpp"

namespace eremite::test {
namespace {

std::vector<std::filesystem::path> scripts() {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator{EREMITE_SCRIPTS})
        if (entry.path().extension() == ".tcp") found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

class TcpScript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(TcpScript, Runs) {
    std::ifstream file{GetParam()};
    std::stringstream text;
    text << file.rdbuf();
    Script script;
    EXPECT_EQ(script.run(text.str()), "") << GetParam().filename();
}

INSTANTIATE_TEST_SUITE_P(Rules, TcpScript, testing::ValuesIn(scripts()), [](const auto& info) { return info.param.stem().string(); });

TEST(TcpScript, SaysWhatIsWrong) {
    EXPECT_EQ(Script{}.run("listen\n< S 0:0(0) win 1000 <mss 1460>\n> S. 0:0(0) ack 2\n").substr(0, 7), "line 3:");
    EXPECT_NE(Script{}.run("listen\n< S 0:0(0) win 1000 <mss 1460>\n"), "");
    EXPECT_NE(Script{}.run("juggle\n"), "");
}

}  // namespace
}  // namespace eremite::test

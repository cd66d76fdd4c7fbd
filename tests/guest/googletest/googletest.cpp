// A GoogleTest binary as any project has one: fixtures, parameters, types, exceptions, files, output to XML.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

TEST(Text, Regex) {
    std::smatch match;
    const std::string line = "GET /index.html HTTP/1.1";
    ASSERT_TRUE(std::regex_match(line, match, std::regex{R"((\w+) (\S+) HTTP/(\d)\.(\d))"}));
    EXPECT_EQ(match[2], "/index.html");
    EXPECT_EQ(match.size(), 5u);
}

TEST(Text, Numbers) {
    EXPECT_DOUBLE_EQ(std::stod("2.5e3"), 2500.0);
    EXPECT_NEAR(std::strtod("0.1", nullptr) + 0.2, 0.3, 1e-15);
    EXPECT_EQ(std::to_string(-1234567890123), "-1234567890123");
}

TEST(Exceptions, AreThrownAndCaught) {
    EXPECT_THROW(std::vector<int>(3).at(5), std::out_of_range);
    EXPECT_THROW((void)std::stoi("x"), std::invalid_argument);
    EXPECT_NO_THROW((void)std::stoi("7"));
    EXPECT_ANY_THROW(throw 1);
}

TEST(Exceptions, UnwindDeepStacks) {
    struct Counter {
        explicit Counter(int& n) : n{n} { ++n; }
        ~Counter() { --n; }
        int& n;
    };
    static int alive = 0;
    struct Recursion {
        static void descend(int depth) {
            const Counter counter{alive};
            if (depth == 0) throw std::runtime_error("bottom");
            descend(depth - 1);
        }
    };
    EXPECT_THROW(Recursion::descend(1000), std::runtime_error);
    EXPECT_EQ(alive, 0);
}

class FolderTest : public testing::Test {
protected:
    static void SetUpTestSuite() { ++suites; }
    void SetUp() override { fs::create_directories(folder_); }
    void TearDown() override { fs::remove_all(folder_); }

    void write(const fs::path& name, const std::string& text) { std::ofstream{folder_ / name} << text; }
    std::string read(const fs::path& name) {
        std::ifstream file{folder_ / name};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    static inline int suites = 0;
    const fs::path folder_ = fs::temp_directory_path() / "googletest_guest";
};

TEST_F(FolderTest, StartsEmpty) {
    EXPECT_TRUE(fs::is_empty(folder_));
    EXPECT_EQ(suites, 1);
}

TEST_F(FolderTest, KeepsWhatIsWritten) {
    write("a", "text\n");
    EXPECT_EQ(read("a"), "text\n");
    EXPECT_EQ(fs::file_size(folder_ / "a"), 5u);
    fs::rename(folder_ / "a", folder_ / "b");
    EXPECT_FALSE(fs::exists(folder_ / "a"));
    EXPECT_EQ(read("b"), "text\n");
}

TEST_F(FolderTest, WalksTrees) {
    fs::create_directories(folder_ / "x" / "y" / "z");
    write("x/y/z/deep", "1");
    write("x/shallow", "2");
    fs::create_symlink("shallow", folder_ / "x" / "link");
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator{folder_}) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"deep", "link", "shallow", "x", "y", "z"}));
    EXPECT_EQ(fs::canonical(folder_ / "x" / "link"), fs::canonical(folder_) / "x" / "shallow");
    EXPECT_EQ(fs::remove_all(folder_ / "x"), 6u);
}

TEST_F(FolderTest, ReportsErrors) {
    EXPECT_THROW((void)fs::file_size(folder_ / "absent"), fs::filesystem_error);
    std::error_code error;
    fs::create_directory(folder_ / "no" / "parent", error);
    EXPECT_EQ(error, std::errc::no_such_file_or_directory);
    write("file", "");
    EXPECT_FALSE(fs::create_directory(folder_ / "file" / "below", error));
    EXPECT_EQ(error, std::errc::not_a_directory);
}

class SquareTest : public testing::TestWithParam<int> {};
TEST_P(SquareTest, IsASumOfOddNumbers) {
    int sum = 0;
    for (int i = 0; i < GetParam(); ++i) sum += 2 * i + 1;
    EXPECT_EQ(sum, GetParam() * GetParam());
}
INSTANTIATE_TEST_SUITE_P(Small, SquareTest, testing::Values(0, 1, 5, 100));

template <typename T>
class AccumulateTest : public testing::Test {};
using Types = testing::Types<int, double, std::string>;
TYPED_TEST_SUITE(AccumulateTest, Types);
TYPED_TEST(AccumulateTest, OfNothingIsNothing) {
    const std::vector<TypeParam> none;
    EXPECT_EQ(std::accumulate(none.begin(), none.end(), TypeParam{}), TypeParam{});
}

TEST(Memory, OwnershipMoves) {
    auto first = std::make_unique<std::vector<char>>(8 << 20, 'x');
    const auto second = std::move(first);
    EXPECT_EQ(first, nullptr);
    EXPECT_EQ(second->back(), 'x');
    const std::weak_ptr<int> weak = std::make_shared<int>(3);
    EXPECT_TRUE(weak.expired());
}

TEST(Environment, CapturesOutput) {
    testing::internal::CaptureStdout();
    std::printf("captured\n");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "captured\n");
}

// Fails when the environment asks for it, to show what a failure looks like.
TEST(Failing, OnDemand) {
    if (!std::getenv("FAIL")) GTEST_SKIP() << "nobody asked for a failure";
    EXPECT_EQ(1 + 1, 3) << "as asked";
}

}  // namespace

#include "base/vector.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace eremite {
namespace {

TEST(Vector, GrowsAndShrinks) {
    Vector<std::unique_ptr<int>> v;
    EXPECT_TRUE(v.empty());
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(v.push_back(std::make_unique<int>(i)).ok());
    EXPECT_EQ(v.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(*v[i], i);
    v.erase(10);
    EXPECT_EQ(*v[10], 11);
    EXPECT_EQ(*v.back(), 99);
    v.pop_back();
    EXPECT_EQ(v.size(), 98u);
    ASSERT_TRUE(v.resize(5).ok());
    ASSERT_TRUE(v.resize(7).ok());
    EXPECT_EQ(v[6], nullptr);
    EXPECT_EQ(v.span().size(), 7u);
}

TEST(Vector, MovesLeaveNothingBehind) {
    Vector<int> v;
    ASSERT_TRUE(v.push_back(1).ok());
    Vector<int> w = std::move(v);
    EXPECT_TRUE(v.empty());
    EXPECT_EQ(w[0], 1);
    v = std::move(w);
    EXPECT_EQ(v[0], 1);
}

TEST(Vector, RefusesWhatCannotBe) {
    Vector<uint64_t> v;
    EXPECT_EQ(v.reserve(SIZE_MAX / 4).code(), ENOMEM);
    EXPECT_TRUE(v.empty());
}

TEST(String, AppendsAndCompares) {
    String s = String::copy("one").value();
    ASSERT_TRUE(s.append(" two").ok());
    EXPECT_EQ(s.view(), "one two");
    EXPECT_EQ(s.size(), 7u);
    EXPECT_EQ(String{}.view(), "");
}

}  // namespace
}  // namespace eremite

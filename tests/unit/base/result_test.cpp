#include "base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <type_traits>

namespace eremite {
namespace {

Result<int> half(int n) {
    if (n % 2) return Error{EINVAL};
    return n / 2;
}
Result<int> quarter(int n) {
    const int h = TRY(half(n));
    return TRY(half(h));
}
Result<void> check(int n) {
    TRY(half(n));
    return {};
}

TEST(Result, CarriesAValueOrAnError) {
    EXPECT_EQ(half(8).value(), 4);
    EXPECT_EQ(half(8).code(), 0);
    EXPECT_EQ(half(7).code(), EINVAL);
    EXPECT_FALSE(half(7));
    EXPECT_EQ(half(7).error(), Error{EINVAL});
}

static_assert(std::is_trivially_move_constructible_v<Result<long>> && std::is_trivially_destructible_v<Result<long>>,
              "it is returned in registers");
static_assert(!std::is_trivially_destructible_v<Result<std::unique_ptr<int>>>);

TEST(Result, TryReturnsTheError) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(6).code(), EINVAL);
    EXPECT_TRUE(check(2).ok());
    EXPECT_EQ(check(3).code(), EINVAL);
}

TEST(Result, HoldsWhatCanOnlyMove) {
    Result<std::unique_ptr<int>> made = std::make_unique<int>(5);
    Result<std::unique_ptr<int>> moved = std::move(made);
    EXPECT_EQ(**moved, 5);
    const std::unique_ptr<int> taken = std::move(moved).value();
    EXPECT_EQ(*taken, 5);
}

}  // namespace
}  // namespace eremite

#include "base/ref.hpp"

#include <gtest/gtest.h>

namespace eremite {
namespace {

struct Base : RefCounted {
    explicit Base(int& alive) : alive_{alive} { ++alive_; }
    ~Base() override { --alive_; }
    int& alive_;
};
struct Derived : Base {
    explicit Derived(int& alive) : Base{alive} {}
};

TEST(Ref, TheLastReferenceDestroys) {
    int alive = 0;
    {
        Ref<Derived> one = make_ref<Derived>(alive).value();
        EXPECT_EQ(one->reference_count(), 1u);
        Ref<Base> two = one;
        EXPECT_EQ(one->reference_count(), 2u);
        Ref<Base> three = std::move(two);
        EXPECT_FALSE(two);
        EXPECT_EQ(one->reference_count(), 2u);
        one = nullptr;
        EXPECT_EQ(alive, 1);
        three = Ref<Base>::share(three.get());
        EXPECT_EQ(three->reference_count(), 1u);
    }
    EXPECT_EQ(alive, 0);
}

TEST(Ref, LeakedReferencesAreAdopted) {
    int alive = 0;
    Base* raw = make_ref<Base>(alive).value().leak();
    EXPECT_EQ(alive, 1);
    { auto back = Ref<Base>::adopt(raw); }
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(Ref<Base>::share(nullptr));
}

TEST(Ref, SelfAssignmentKeepsTheObject) {
    int alive = 0;
    Ref<Base> one = make_ref<Base>(alive).value();
    Ref<Base>& same = one;
    one = same;
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(one->reference_count(), 1u);
}

}  // namespace
}  // namespace eremite

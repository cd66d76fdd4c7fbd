#include "base/list.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace eremite {
namespace {

struct First;
struct Second;
struct Item : ListNode<First>, ListNode<Second> {
    explicit Item(int v) : value{v} {}
    int value;
};

std::vector<int> values(const List<Item, First>& list) {
    std::vector<int> all;
    for (const Item& i : list) all.push_back(i.value);
    return all;
}

TEST(List, KeepsOrder) {
    List<Item, First> list;
    Item a{1}, b{2}, c{3};
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.front(), nullptr);
    EXPECT_EQ(list.back(), nullptr);
    EXPECT_EQ(list.pop_front(), nullptr);
    list.push_back(b);
    list.push_front(a);
    list.push_back(c);
    EXPECT_EQ(values(list), (std::vector{1, 2, 3}));
    EXPECT_EQ(list.back(), &c);
    List<Item, First>::remove(b);
    EXPECT_FALSE(static_cast<ListNode<First>&>(b).linked());
    list.insert_before(a, b);
    EXPECT_EQ(values(list), (std::vector{2, 1, 3}));
    EXPECT_EQ(list.pop_front(), &b);
    EXPECT_EQ(values(list), (std::vector{1, 3}));
}

TEST(List, AnItemMayBeOnTwoLists) {
    List<Item, First> one;
    List<Item, Second> two;
    Item a{1}, b{2};
    one.push_back(a);
    two.push_back(b);
    two.push_back(a);
    List<Item, First>::remove(a);
    EXPECT_TRUE(one.empty());
    EXPECT_EQ(two.back(), &a);
}

}  // namespace
}  // namespace eremite

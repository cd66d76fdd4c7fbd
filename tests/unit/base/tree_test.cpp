#include "base/tree.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace eremite {
namespace {

struct Item : TreeNode<> {
    explicit Item(int k, int w = 0) : key{k}, weight{w}, heaviest{w} {}
    int key;
    int weight;
    int heaviest;  // in the subtree
};

struct Traits {
    static int key(const Item& i) { return i.key; }
    static bool update(Item& i, const Item* left, const Item* right) {
        int now = i.weight;
        if (left) now = std::max(now, left->heaviest);
        if (right) now = std::max(now, right->heaviest);
        const bool changed = now != i.heaviest;
        i.heaviest = now;
        return changed;
    }
};
struct PlainTraits {
    static int key(const Item& i) { return i.key; }
};
using ItemTree = Tree<Item, Traits>;

// Checks order, links, balance and augmentation; returns the height.
int check(const Item* node, const Item* parent, size_t& count) {
    if (!node) return 0;
    ++count;
    EXPECT_EQ(node->parent, parent);
    const Item* left = ItemTree::left(*node);
    const Item* right = ItemTree::right(*node);
    EXPECT_TRUE(!left || left->key <= node->key);
    EXPECT_TRUE(!right || right->key >= node->key);
    const int l = check(left, node, count), r = check(right, node, count);
    EXPECT_LE(std::abs(l - r), 1);
    EXPECT_EQ(node->height, 1 + std::max(l, r));
    EXPECT_EQ(node->heaviest, std::max({node->weight, left ? left->heaviest : node->weight, right ? right->heaviest : node->weight}));
    return node->height;
}

TEST(Tree, EmptyTreeFindsNothing) {
    ItemTree tree;
    EXPECT_TRUE(tree.empty());
    EXPECT_EQ(tree.first(), nullptr);
    EXPECT_EQ(tree.last(), nullptr);
    EXPECT_EQ(tree.lower_bound(1), nullptr);
    EXPECT_EQ(tree.upper_bound(1), nullptr);
    EXPECT_EQ(tree.at_or_before(1), nullptr);
    EXPECT_EQ(tree.find(1), nullptr);
}

TEST(Tree, FindsNeighbours) {
    Tree<Item, PlainTraits> tree;
    Item a{10}, b{20}, c{30};
    for (Item* i : {&b, &a, &c}) tree.insert(*i);
    EXPECT_EQ(tree.lower_bound(20), &b);
    EXPECT_EQ(tree.upper_bound(20), &c);
    EXPECT_EQ(tree.at_or_before(20), &b);
    EXPECT_EQ(tree.at_or_before(29), &b);
    EXPECT_EQ(tree.at_or_before(9), nullptr);
    EXPECT_EQ(tree.lower_bound(31), nullptr);
    EXPECT_EQ(tree.find(30), &c);
    EXPECT_EQ(tree.find(25), nullptr);
    EXPECT_EQ(tree.next(a), &b);
    EXPECT_EQ(tree.previous(a), nullptr);
    EXPECT_EQ(tree.next(c), nullptr);
    tree.remove(b);
    EXPECT_FALSE(b.linked());
    EXPECT_EQ(tree.next(a), &c);
}

TEST(Tree, EqualKeysKeepTheirOrder) {
    ItemTree tree;
    std::vector<std::unique_ptr<Item>> items;
    for (int i = 0; i < 100; ++i) tree.insert(*items.emplace_back(std::make_unique<Item>(7, i)));
    int expected = 0;
    for (Item* i = tree.first(); i; i = tree.next(*i)) EXPECT_EQ(i->weight, expected++);
    EXPECT_EQ(expected, 100);
    for (auto& i : items) tree.remove(*i);
}

TEST(Tree, AgreesWithAMap) {
    ItemTree tree;
    std::map<int, std::unique_ptr<Item>> model;
    std::mt19937 random{3};
    for (int step = 0; step < 20000; ++step) {
        const int key = static_cast<int>(random() % 400);
        const auto found = model.find(key);
        if (found == model.end()) {
            auto item = std::make_unique<Item>(key, static_cast<int>(random() % 1000));
            tree.insert(*item);
            model[key] = std::move(item);
        } else if (random() % 3 == 0) {
            found->second->weight = static_cast<int>(random() % 1000);
            tree.updated(*found->second);
        } else {
            tree.remove(*found->second);
            model.erase(found);
        }
        const int probe = static_cast<int>(random() % 400);
        const auto lower = model.lower_bound(probe);
        ASSERT_EQ(tree.lower_bound(probe), lower == model.end() ? nullptr : lower->second.get());
        const auto upper = model.upper_bound(probe);
        ASSERT_EQ(tree.upper_bound(probe), upper == model.end() ? nullptr : upper->second.get());
        if (step % 50) continue;
        size_t count = 0;
        check(tree.root(), nullptr, count);
        ASSERT_EQ(count, model.size());
        const Item* item = tree.first();
        for (const auto& expected : model) {
            ASSERT_EQ(item, expected.second.get());
            item = tree.next(*item);
        }
        if (testing::Test::HasFailure()) FAIL() << "at step " << step;
    }
    while (Item* root = tree.root()) tree.remove(*root);
}

}  // namespace
}  // namespace eremite

#pragma once
// Intrusive balanced search tree (AVL: Adelson-Velsky and Landis 1962; Knuth, The Art of Computer Programming vol. 3, 6.2.3).
// An object that is in a tree carries the links, so that insertion cannot fail. `Traits` gives the key and may keep a
// property of each subtree up to date (augmentation), by which searches can skip whole subtrees:
//     static Key key(const T&);
//     static bool update(T& node, const T* left, const T* right);   // optional; returns whether the property changed
#include <algorithm>
#include <cstdint>

namespace eremite {

template <typename Tag = void>
struct TreeNode {
    TreeNode* parent = nullptr;
    TreeNode* left = nullptr;
    TreeNode* right = nullptr;
    int32_t height = 0;  // 0: in no tree
    [[nodiscard]] bool linked() const { return height != 0; }
};

template <typename T, typename Traits, typename Tag = void>
class Tree {
    using Node = TreeNode<Tag>;

public:
    constexpr Tree() = default;
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    [[nodiscard]] bool empty() const { return root_ == nullptr; }
    [[nodiscard]] T* root() const { return item(root_); }
    [[nodiscard]] static T* left(const T& node) { return item(static_cast<const Node&>(node).left); }
    [[nodiscard]] static T* right(const T& node) { return item(static_cast<const Node&>(node).right); }
    [[nodiscard]] T* first() const { return root_ ? item(leftmost(root_)) : nullptr; }
    [[nodiscard]] T* last() const { return root_ ? item(rightmost(root_)) : nullptr; }

    // Requires: in no tree. Equal keys are kept in the order of insertion.
    void insert(T& node) {
        Node* parent = nullptr;
        Node** link = &root_;
        while (*link) {
            parent = *link;
            link = Traits::key(node) < Traits::key(*item(parent)) ? &parent->left : &parent->right;
        }
        attach(node, parent, link);
    }

    // Requires: in this tree.
    void remove(T& item_to_remove) {
        Node* node = &item_to_remove;
        Node* lowest = node->parent;  // the deepest node whose subtree changes
        if (!node->left || !node->right) {
            replace_child(*node, node->left ? node->left : node->right);
        } else {
            Node* successor = leftmost(node->right);
            lowest = successor;
            if (successor->parent != node) {
                lowest = successor->parent;
                replace_child(*successor, successor->right);
                set_right(*successor, node->right);
            }
            set_left(*successor, node->left);
            replace_child(*node, successor);
            // Anything but the true height, so that the walk upwards does not stop here.
            successor->height = -1;
        }
        node->parent = node->left = node->right = nullptr;
        node->height = 0;
        for (Node* n = lowest; n; n = n->parent) {
            refresh(*n);
            n = balance(n);
        }
    }

    // The property of `node` that `Traits::update` reads, or its key within the same order, has changed.
    void updated(T& node) { fix_upwards(&node); }

    // The first node whose key is not below `key`; null when there is none.
    template <typename Key>
    [[nodiscard]] T* lower_bound(const Key& key) const {
        Node* best = nullptr;
        for (Node* n = root_; n;) {
            const bool below = Traits::key(*item(n)) < key;
            if (!below) best = n;
            n = below ? n->right : n->left;
        }
        return item(best);
    }
    // The first node whose key is above `key`.
    template <typename Key>
    [[nodiscard]] T* upper_bound(const Key& key) const {
        Node* best = nullptr;
        for (Node* n = root_; n;) {
            const bool above = key < Traits::key(*item(n));
            if (above) best = n;
            n = above ? n->left : n->right;
        }
        return item(best);
    }
    // The last node whose key is not above `key`.
    template <typename Key>
    [[nodiscard]] T* at_or_before(const Key& key) const {
        Node* best = nullptr;
        for (Node* n = root_; n;) {
            const bool above = key < Traits::key(*item(n));
            if (!above) best = n;
            n = above ? n->left : n->right;
        }
        return item(best);
    }
    template <typename Key>
    [[nodiscard]] T* find(const Key& key) const {
        T* candidate = lower_bound(key);
        return candidate && !(key < Traits::key(*candidate)) ? candidate : nullptr;
    }

    [[nodiscard]] static T* next(const T& node) {
        const Node* n = &node;
        if (n->right) return item(leftmost(n->right));
        while (n->parent && n == n->parent->right) n = n->parent;
        return item(n->parent);
    }
    [[nodiscard]] static T* previous(const T& node) {
        const Node* n = &node;
        if (n->left) return item(rightmost(n->left));
        while (n->parent && n == n->parent->left) n = n->parent;
        return item(n->parent);
    }

private:
    static constexpr bool augmented = requires(T& t) { Traits::update(t, &t, &t); };

    [[nodiscard]] static T* item(Node* node) { return static_cast<T*>(node); }
    [[nodiscard]] static int32_t height(const Node* node) { return node ? node->height : 0; }
    [[nodiscard]] static Node* leftmost(Node* n) {
        while (n->left) n = n->left;
        return n;
    }
    [[nodiscard]] static Node* rightmost(Node* n) {
        while (n->right) n = n->right;
        return n;
    }
    static void set_left(Node& parent, Node* child) {
        parent.left = child;
        if (child) child->parent = &parent;
    }
    static void set_right(Node& parent, Node* child) {
        parent.right = child;
        if (child) child->parent = &parent;
    }
    void attach(Node& node, Node* parent, Node** link) {
        node.parent = parent;
        node.left = node.right = nullptr;
        node.height = 1;
        *link = &node;
        refresh(node);
        fix_upwards(parent);
    }
    // Puts `child` (or nothing) in the place of `node`.
    void replace_child(Node& node, Node* child) {
        Node* parent = node.parent;
        if (!parent) root_ = child;
        else if (parent->left == &node) parent->left = child;
        else parent->right = child;
        if (child) child->parent = parent;
    }
    // Recomputes what depends on the children. Returns whether it changed.
    static bool refresh(Node& node) {
        const int32_t now = 1 + std::max(height(node.left), height(node.right));
        bool changed = now != node.height;
        node.height = now;
        if constexpr (augmented) changed |= Traits::update(*item(&node), item(node.left), item(node.right));
        return changed;
    }
    Node* rotate_left(Node* node) {
        Node* up = node->right;
        replace_child(*node, up);
        set_right(*node, up->left);
        set_left(*up, node);
        refresh(*node);
        refresh(*up);
        return up;
    }
    Node* rotate_right(Node* node) {
        Node* up = node->left;
        replace_child(*node, up);
        set_left(*node, up->right);
        set_right(*up, node);
        refresh(*node);
        refresh(*up);
        return up;
    }
    // Restores the balance at `node`. Returns the root of the subtree.
    Node* balance(Node* node) {
        const int32_t lean = height(node->left) - height(node->right);
        if (lean > 1) {
            if (height(node->left->left) < height(node->left->right)) rotate_left(node->left);
            return rotate_right(node);
        }
        if (lean < -1) {
            if (height(node->right->right) < height(node->right->left)) rotate_right(node->right);
            return rotate_left(node);
        }
        return node;
    }
    void fix_upwards(Node* node) {
        while (node) {
            bool changed = refresh(*node);
            Node* top = balance(node);
            changed |= top != node;
            if (!changed) return;
            node = top->parent;
        }
    }

    Node* root_ = nullptr;
};

}  // namespace eremite

#pragma once
// Intrusive doubly linked list: an object that is on a list carries the links, so that insertion cannot fail.
// An object may be on several lists by deriving from ListNode with different tags.
#include <cstddef>

namespace eremite {

template <typename Tag = void>
struct ListNode {
    ListNode* previous = nullptr;
    ListNode* next = nullptr;
    [[nodiscard]] bool linked() const { return next != nullptr; }
    // Requires: linked().
    void unlink() {
        previous->next = next;
        next->previous = previous;
        previous = next = nullptr;
    }
};

template <typename T, typename Tag = void>
class List {
    using Node = ListNode<Tag>;

public:
    constexpr List() { head_.previous = head_.next = &head_; }
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    [[nodiscard]] bool empty() const { return head_.next == &head_; }
    [[nodiscard]] T* front() const { return empty() ? nullptr : static_cast<T*>(head_.next); }
    [[nodiscard]] T* back() const { return empty() ? nullptr : static_cast<T*>(head_.previous); }
    void push_front(T& item) { insert(static_cast<Node&>(item), head_.next); }
    void push_back(T& item) { insert(static_cast<Node&>(item), &head_); }
    void insert_before(T& position, T& item) { insert(static_cast<Node&>(item), &static_cast<Node&>(position)); }
    T* pop_front() {
        T* item = front();
        if (item) remove(*item);
        return item;
    }
    static void remove(T& item) { static_cast<Node&>(item).unlink(); }

    class Iterator {
    public:
        explicit Iterator(Node* node) : node_{node} {}
        T& operator*() const { return *static_cast<T*>(node_); }
        T* operator->() const { return static_cast<T*>(node_); }
        Iterator& operator++() { node_ = node_->next; return *this; }
        bool operator==(const Iterator&) const = default;

    private:
        Node* node_;
    };
    [[nodiscard]] Iterator begin() const { return Iterator{head_.next}; }
    [[nodiscard]] Iterator end() const { return Iterator{const_cast<Node*>(&head_)}; }

private:
    static void insert(Node& item, Node* before) {
        item.previous = before->previous;
        item.next = before;
        before->previous->next = &item;
        before->previous = &item;
    }
    Node head_;
};

}  // namespace eremite

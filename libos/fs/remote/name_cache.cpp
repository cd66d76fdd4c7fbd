#include "libos/fs/remote/name_cache.hpp"

#include <algorithm>
#include <bit>

#include "libos/fs/name_hash.hpp"
#include "libos/fs/remote/node.hpp"

namespace eremite::fs::remote {

namespace {

uint32_t hash_in(const Node& directory, std::string_view name) {
    // Objects lie at least this far apart.
    constexpr unsigned alignment_bits = 6;
    NameHash hash;
    // SAFETY: the address is used as a number.
    hash.add(reinterpret_cast<uintptr_t>(&directory) >> alignment_bits);
    hash.add(hash_name(name));
    return hash.value();
}

}  // namespace

Result<void> NameCache::prepare(size_t most) {
    constexpr size_t fewest_buckets = 64;
    TRY(buckets_.resize(std::bit_ceil(std::max(most / 2, fewest_buckets))));
    most_ = most;
    return {};
}

Node* NameCache::find(const Node& directory, std::string_view name) {
    const uint32_t hash = hash_in(directory, name);
    Node* node = bucket(hash);
    while (node && !(node->name_hash_ == hash && node->parent_.get() == &directory && node->name_.view() == name)) node = node->next_by_name_;
    return node;
}

void NameCache::insert(Node& node) {
    if (Node* const other = find(*node.parent_, node.name_.view())) remove(*other);
    node.name_hash_ = hash_in(*node.parent_, node.name_.view());
    node.next_by_name_ = std::exchange(bucket(node.name_hash_), &node);
    node.named_ = true;
}

void NameCache::remove(Node& node) {
    if (!std::exchange(node.named_, false)) return;
    Node** link = &bucket(node.name_hash_);
    while (*link != &node) link = &(*link)->next_by_name_;
    *link = node.next_by_name_;
}

Ref<Node> NameCache::keep(Node& node) {
    node.used_ = true;
    if (static_cast<ListNode<ByUse>&>(node).linked() || most_ == 0) return nullptr;
    node.acquire();
    kept_.push_front(node);
    node.used_ = false;
    if (++count_ <= most_) return nullptr;
    for (size_t i = 0; i < count_ && kept_.back()->used_; ++i) {
        Node& used = *kept_.back();
        used.used_ = false;
        kept_.remove(used);
        kept_.push_front(used);
    }
    return give_up();
}

void NameCache::drop(Node& node) {
    if (!static_cast<ListNode<ByUse>&>(node).linked()) return;
    kept_.remove(node);
    --count_;
    (void)node.release();  // not the last reference
}

Ref<Node> NameCache::give_up() {
    Node* const node = kept_.back();
    if (!node) return nullptr;
    kept_.remove(*node);
    --count_;
    return Ref<Node>::adopt(node);
}

}  // namespace eremite::fs::remote

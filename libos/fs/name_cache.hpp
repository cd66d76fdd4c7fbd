#pragma once
// The names of a file system's files that are known, by directory and name; and files that are kept although nobody uses them, so that
// what was found once need not be read or asked for again, and the pages of a file that is opened time and again stay. Of the files kept,
// those go first that were not looked up since the last time: the clock algorithm. For file systems whose names are not in memory anyhow.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/list.hpp"
#include "base/ref.hpp"
#include "base/result.hpp"
#include "base/vector.hpp"
#include "libos/fs/name_hash.hpp"

namespace eremite::fs {

template <typename Node>
class NameCache;
struct ByLookup;

// What the cache knows of an inode, which derives from this.
template <typename Node>
class CachedName : public ListNode<ByLookup> {
public:
    // Whether it is found by its name. Requires the file system's lock.
    [[nodiscard]] bool is_named() const { return named_; }
    // It was looked up without the cache's keep(). Requires the lock.
    void note_use() { used_ = true; }

private:
    friend NameCache<Node>;
    Node* next_by_name_ = nullptr;
    uint32_t name_hash_ = 0;
    bool named_ = false;
    bool used_ = false;  // looked up since an eviction came by
};

// All that follows requires the file system's lock, but for prepare(). Of a node, `parent_` and `name_` are its directory and name.
template <typename Node>
class NameCache {
    using Links = CachedName<Node>;

public:
    // Before there are names: up to `most` files will be kept. ENOMEM.
    [[nodiscard]] Result<void> prepare(size_t most) {
        constexpr size_t fewest_buckets = 64;
        TRY(buckets_.resize(std::bit_ceil(std::max(most / 2, fewest_buckets))));
        most_ = most;
        return {};
    }

    [[nodiscard]] size_t most() const { return most_; }

    // The file that has this name in this directory, as far as is known; it may be about to go. `hash`: hash_name() of the name.
    [[nodiscard]] Node* find(const Node& directory, std::string_view name) { return find(directory, name, hash_name(name)); }
    [[nodiscard]] Node* find(const Node& directory, std::string_view name, uint32_t hash) {
        const uint32_t place = hash_in(directory, hash);
        Node* node = bucket(place);
        while (node && !(links(*node).name_hash_ == place && node->parent_.get() == &directory && is_called(*node, name))) node = links(*node).next_by_name_;
        return node;
    }
    // The node has a directory and a name, by which another one is not found any more.
    void insert(Node& node) {
        const uint32_t hash = hash_name(node.name_.view());
        if (Node* const other = find(*node.parent_, node.name_.view(), hash)) remove(*other);
        Links& its = links(node);
        its.name_hash_ = hash_in(*node.parent_, hash);
        its.next_by_name_ = std::exchange(bucket(its.name_hash_), &node);
        its.named_ = true;
    }
    // The node is not found by its name any more.
    void remove(Node& node) {
        Links& its = links(node);
        if (!std::exchange(its.named_, false)) return;
        Node** link = &bucket(its.name_hash_);
        while (*link != &node) link = &links(**link).next_by_name_;
        *link = its.next_by_name_;
    }

    // Keeps a file; the one that had to go instead is let go behind the lock.
    [[nodiscard]] Ref<Node> keep(Node& node) {
        Links& its = links(node);
        its.used_ = true;
        if (its.linked() || most_ == 0) return nullptr;
        node.acquire();
        kept_.push_front(node);
        its.used_ = false;
        if (++count_ <= most_) return nullptr;
        for (size_t i = 0; i < count_ && links(*kept_.back()).used_; ++i) {
            Node& used = *kept_.back();
            links(used).used_ = false;
            kept_.remove(used);
            kept_.push_front(used);
        }
        return give_up();
    }
    // Keeps it no more. Requires: the caller has a reference of its own.
    void drop(Node& node) {
        if (!links(node).linked()) return;
        kept_.remove(node);
        --count_;
        (void)node.release();  // not the last reference
    }
    // No further ones are kept.
    void close() { most_ = 0; }
    // One that was kept and is no more; null: there are none.
    [[nodiscard]] Ref<Node> give_up() {
        Node* const node = kept_.back();
        if (!node) return nullptr;
        kept_.remove(*node);
        --count_;
        return Ref<Node>::adopt(node);
    }

private:
    [[nodiscard]] static Links& links(Node& node) { return node; }
    [[nodiscard]] static bool is_called(const Node& node, std::string_view name) {
        return node.name_.size() == name.size() && same_name(node.name_.view().data(), name.data(), name.size());
    }
    [[nodiscard]] static uint32_t hash_in(const Node& directory, uint32_t name) {
        // Objects lie at least this far apart.
        constexpr unsigned alignment_bits = 6;
        NameHash hash;
        // SAFETY: the address is used as a number.
        hash.add(reinterpret_cast<uintptr_t>(&directory) >> alignment_bits);
        hash.add(name);
        return hash.value();
    }
    [[nodiscard]] Node*& bucket(uint32_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }

    Vector<Node*> buckets_;  // as many as a power of two; chained by CachedName::next_by_name_
    List<Node, ByLookup> kept_;
    size_t count_ = 0;
    size_t most_ = 0;
};

}  // namespace eremite::fs

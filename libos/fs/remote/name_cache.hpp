#pragma once
// The names of a server's files that are known, by directory and name; and files that are kept although nobody uses them. As long as the
// server vouches for a name it is not asked again, and the pages of a file that is opened time and again stay. Of the files kept, those
// go first that were not looked up since the last time: the clock algorithm.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/list.hpp"
#include "base/ref.hpp"
#include "base/result.hpp"
#include "base/vector.hpp"

namespace eremite::fs::remote {

class Node;
struct ByUse;

// All that follows requires the file system's lock, but for prepare().
class NameCache {
public:
    // Before there are names: up to `most` files will be kept. ENOMEM.
    [[nodiscard]] Result<void> prepare(size_t most);

    // The file that has this name in this directory, as far as is known; it may be about to go.
    [[nodiscard]] Node* find(const Node& directory, std::string_view name);
    // The node has a directory and a name, by which another one is not found any more.
    void insert(Node& node);
    // The node is not found by its name any more.
    void remove(Node& node);

    // Keeps a file; the one that had to go instead is let go behind the lock.
    [[nodiscard]] Ref<Node> keep(Node& node);
    // Keeps it no more. Requires: the caller has a reference of its own.
    void drop(Node& node);
    // No further ones are kept.
    void close() { most_ = 0; }
    // One that was kept and is no more; null: there are none.
    [[nodiscard]] Ref<Node> give_up();

private:
    [[nodiscard]] Node*& bucket(uint32_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }

    Vector<Node*> buckets_;  // as many as a power of two; chained by Node::next_by_name_
    List<Node, ByUse> kept_;
    size_t count_ = 0;
    size_t most_ = 0;
};

}  // namespace eremite::fs::remote

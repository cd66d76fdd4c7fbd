#pragma once
// The table in which the two ends of a flow find what the stack knows of it: a connection, one that is being opened, or one that
// is over and must be remembered a while.
#include <cstddef>

#include "base/result.hpp"
#include "netstack/storage/keyed_hash.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net::tcp {

struct FlowKey {
    Endpoint local{};
    Endpoint remote{};
    bool operator==(const FlowKey& o) const {
        return local.port == o.local.port && remote.port == o.remote.port && remote.address == o.remote.address &&
               local.address == o.local.address;
    }
};

enum class FlowKind : uint8_t { Connection, Request, TimeWait };

struct FlowEntry {
    FlowEntry(FlowKind k, const FlowKey& f) : kind{k}, key{f} {}
    const FlowKind kind;
    FlowKey key;
    uint32_t hash = 0;
    FlowEntry* next_in_bucket = nullptr;
};

class FlowTable {
public:
    explicit FlowTable(const HashKey& secret) : secret_{secret[0] ^ 0x666c'6f77, secret[1]} {}
    ~FlowTable();
    FlowTable(const FlowTable&) = delete;
    FlowTable& operator=(const FlowTable&) = delete;
    // Requires: `buckets` is a power of two.
    [[nodiscard]] Result<void> start(size_t buckets);

    [[nodiscard]] FlowEntry* find(const FlowKey& key) const {
        for (FlowEntry* e = buckets_[hash(key) & mask_]; e; e = e->next_in_bucket)
            if (e->key == key) [[likely]] return e;
        return nullptr;
    }
    void insert(FlowEntry& entry);
    void remove(FlowEntry& entry);
    [[nodiscard]] size_t count() const { return count_; }
    template <typename Function>
    void for_each(Function function) const {
        for (size_t i = 0; buckets_ && i <= mask_; ++i)
            for (FlowEntry *e = buckets_[i], *next; e; e = next) {
                next = e->next_in_bucket;
                function(*e);
            }
    }

private:
    // Two multiplications by secret odd numbers: who cannot see the order in a bucket cannot aim at one.
    [[nodiscard]] uint32_t hash(const FlowKey& key) const {
        const uint64_t ports = uint64_t{key.remote.port} << 16 | key.local.port;
        const uint64_t a = (key.remote.address.high() ^ key.remote.address.low() ^ (ports << 32) ^ secret_[0]) * (secret_[1] | 1);
        const uint64_t b = (key.local.address.low() ^ (a >> 29) ^ ports) * (secret_[0] | 1);
        return static_cast<uint32_t>((a ^ b) >> 32);
    }

    const HashKey secret_;
    FlowEntry** buckets_ = nullptr;
    size_t mask_ = 0;
    size_t count_ = 0;
};

}  // namespace eremite::net::tcp

#include "netstack/tcp/flow.hpp"

#include <new>

namespace eremite::net::tcp {

FlowTable::~FlowTable() { delete[] buckets_; }

Result<void> FlowTable::start(size_t buckets) {
    buckets_ = new (std::nothrow) FlowEntry*[buckets] {};
    if (!buckets_) return Error{ENOMEM};
    mask_ = buckets - 1;
    return {};
}

void FlowTable::insert(FlowEntry& entry) {
    entry.hash = hash(entry.key);
    FlowEntry*& head = buckets_[entry.hash & mask_];
    entry.next_in_bucket = head;
    head = &entry;
    ++count_;
}

void FlowTable::remove(FlowEntry& entry) {
    FlowEntry** link = &buckets_[entry.hash & mask_];
    while (*link != &entry) link = &(*link)->next_in_bucket;
    *link = entry.next_in_bucket;
    --count_;
}

}  // namespace eremite::net::tcp

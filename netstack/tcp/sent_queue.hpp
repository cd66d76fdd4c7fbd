#pragma once
// The scoreboard: what was sent and is not acknowledged, segment by segment as they were handed to the device (up to 64 KiB
// each), with what is known of the fate of each. Segments are cut where acknowledgements end in the middle of them.
#include "base/list.hpp"
#include "base/time.hpp"
#include "netstack/storage/object_pool.hpp"
#include "netstack/storage/packet.hpp"
#include "netstack/wire/tcp.hpp"

namespace eremite::net::tcp {

struct SentSegment : ListNode<SentSegment> {
    uint32_t start = 0;
    uint32_t end = 0;          // a FIN counts as one
    Fragment* at = nullptr;    // of the send buffer, with the first byte; null: a FIN alone
    Instant first{}, sent{};   // when: the first time and the last
    bool has_fin = false;
    bool sacked = false;
    bool lost = false;
    bool repeated = false;     // was sent more than once
    bool repair_in_flight = false;  // lost, sent again, and that not known as lost
    [[nodiscard]] uint32_t length() const { return end - start; }
};

class SentQueue {
public:
    using Pool = ObjectPool<SentSegment>;
    explicit SentQueue(Pool& pool) : pool_{pool} {}
    SentQueue(const SentQueue&) = delete;
    SentQueue& operator=(const SentQueue&) = delete;
    ~SentQueue() { clear(); }

    using Segments = List<SentSegment, SentSegment>;
    [[nodiscard]] bool empty() const { return segments_.empty(); }
    [[nodiscard]] const Segments& segments() const { return segments_; }
    [[nodiscard]] SentSegment* front() const { return segments_.front(); }
    [[nodiscard]] SentSegment* back() const { return segments_.back(); }
    [[nodiscard]] SentSegment* next(SentSegment& segment) const {
        auto* node = segment.ListNode<SentSegment>::next;
        return &segment == segments_.back() ? nullptr : static_cast<SentSegment*>(node);
    }

    // Null: no memory; nothing may be sent then.
    [[nodiscard]] SentSegment* push(uint32_t start, uint32_t end, bool has_fin, Fragment* at, Instant now);
    void pop_back();
    // Cuts a segment in two, the second of which begins in the fragment `rest_at`; false: no memory. Requires: start < `at` < end.
    [[nodiscard]] bool split(SentSegment& segment, uint32_t at, Fragment* rest_at);
    void remove_front();
    // The first segment is acknowledged up to `sequence`, within it. `at`: where what is left begins.
    void trim_front(uint32_t sequence, Fragment* at);

    void mark_sacked(SentSegment& segment);
    void mark_lost(SentSegment& segment);
    void mark_repaired(SentSegment& segment, Instant now);
    void forget_loss(SentSegment& segment);
    // The peer took back what it had reported (RFC 2018 section 8).
    void forget_sacks();

    [[nodiscard]] uint32_t outstanding() const { return outstanding_; }
    [[nodiscard]] uint32_t sacked() const { return sacked_; }
    [[nodiscard]] uint32_t lost() const { return lost_; }
    // What is believed to be in the network.
    [[nodiscard]] uint32_t in_flight() const { return outstanding_ - sacked_ - lost_ + repairs_; }
    // Something is lost and not sent again.
    [[nodiscard]] bool needs_repair() const { return lost_ > repairs_; }
    void clear();

private:
    void uncount(const SentSegment& segment, uint32_t length);
    Pool& pool_;
    Segments segments_{};
    uint32_t outstanding_ = 0, sacked_ = 0, lost_ = 0, repairs_ = 0;  // bytes
};

}  // namespace eremite::net::tcp

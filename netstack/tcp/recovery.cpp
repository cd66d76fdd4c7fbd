// What is lost, and what follows: RACK-TLP (RFC 8985), loss recovery (RFC 6675) with proportional rate reduction (RFC 6937),
// NewReno (RFC 6582) for peers without SACK, and mistakes taken back (RFC 3522, RFC 3708).
#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net::tcp {

void Connection::react(const Segment& segment, const TcpOptions& options, const AckResult& result) {
    // Eifel (RFC 3522): the answer is to what was sent before the first repetition.
    const bool eifel = agreed_.timestamps && repair_timestamp_ != 0 && options.has_timestamps && options.timestamp_echo != 0 &&
                       seq_before(options.timestamp_echo, repair_timestamp_);
    if (may_undo_ && phase_ != Phase::Open && result.acknowledged > 0 && eifel) undo();
    if (phase_ != Phase::Open && seq_at_or_before(recovery_point_, snd_una_)) leave_recovery();

    if (agreed_.sack) detect_losses();
    else detect_duplicates(segment, result);
    if (phase_ == Phase::Open && sent_.needs_repair()) enter_recovery();
    if (phase_ == Phase::Recovery) proportional_reduction(result, result.acknowledged > 0);
    acknowledged_new(result);
    if (agreed_.ecn && segment.has(TcpHeader::ece)) congestion_mark();
    if (retransmit_kind_ != RetransmitKind::Reordering || sent_.empty()) arm_retransmission();
}

Duration Connection::reordering_window() const {
    // RFC 8985 section 6.2, step 4.
    if (!rack_.reordering && (phase_ != Phase::Open || sent_.sacked() >= 3 * mss_)) return {};
    // Where acknowledgements overtake each other, too, the smallest round trip says nothing of the usual one; what repairs in vain told does.
    return std::min(std::max(Duration{rtt_.smallest().ns / 4 * rack_.multiplier}, rack_.late), rtt_.smoothed());
}

// Step 5: what was sent before something that has arrived, and long enough ago, is lost.
void Connection::detect_losses() {
    if (rack_.sent == Instant{}) return;
    const Instant now = layer_.stack().now();
    const Duration wait = rack_.rtt + reordering_window();
    Instant earliest = Instant::never();
    for (SentSegment& s : sent_.segments()) {
        if (s.sacked || (s.lost && !s.repair_in_flight)) continue;
        const bool before = s.sent < rack_.sent || (s.sent == rack_.sent && seq_before(s.end, rack_.end));
        if (!before) {
            // Originals are in the order of their times, and repetitions of later ones are later still.
            if (!s.repeated) break;
            continue;
        }
        if (s.sent + wait <= now) sent_.mark_lost(s);
        else earliest = std::min(earliest, s.sent + wait);
    }
    if (earliest != Instant::never()) set_retransmission(RetransmitKind::Reordering, earliest);
    else if (retransmit_kind_ == RetransmitKind::Reordering) retransmit_kind_ = RetransmitKind::None;
}

// Without SACK: the third duplicate, and in recovery each partial acknowledgement (RFC 6582 section 3.2).
void Connection::detect_duplicates(const Segment&, const AckResult& result) {
    SentSegment* first = sent_.front();
    if (!first) return;
    const bool third = phase_ == Phase::Open && duplicate_acks_ == 3 && seq_at_or_before(recovery_point_, snd_una_);
    const bool partial = phase_ == Phase::Recovery && result.acknowledged > 0;
    if (!third && !partial) return;
    if (first->length() > mss_ && !split(*first, first->start + mss_)) return;
    if (!first->lost) sent_.mark_lost(*first);
}

void Connection::enter_recovery() {
    phase_ = Phase::Recovery;
    ++counters_.recoveries;
    recovery_point_ = snd_nxt_;
    recovery_flight_ = std::max(sent_.outstanding(), mss_);
    recovery_delivered_ = recovery_sent_ = 0;
    undo_marker_ = snd_una_;
    undo_repeats_ = 0;
    may_undo_ = true;
    repair_timestamp_ = 0;
    congestion_.reduce();
    if (agreed_.ecn) ecn_reduced_ = true;
}

void Connection::enter_loss() {
    ++counters_.timeouts;
    if (phase_ != Phase::Loss) {
        // What recovery did not repair belongs to the same window, for which the threshold has been lowered.
        if (phase_ == Phase::Open) congestion_.reduce();
        undo_marker_ = snd_una_;
        undo_repeats_ = 0;
        may_undo_ = true;
        repair_timestamp_ = 0;
    }
    phase_ = Phase::Loss;
    recovery_point_ = snd_nxt_;
    duplicate_acks_ = 0;
    // The peer may drop what it reported (RFC 2018 section 8); it has if it waits for something that it reported.
    if (SentSegment* first = sent_.front(); first && first->sacked) sent_.forget_sacks();
    for (SentSegment& s : sent_.segments()) sent_.mark_lost(s);
    congestion_.set_window(mss_);
}

void Connection::leave_recovery() {
    // All has arrived before anything was repeated.
    if (phase_ == Phase::Recovery && may_undo_ && repair_timestamp_ == 0) return undo();
    if (phase_ == Phase::Recovery) congestion_.set_window(congestion_.threshold());
    // Reports that the last repairs arrived twice are still to come: they may undo it.
    phase_ = Phase::Open;
    duplicate_acks_ = 0;
    if (rack_.persistence > 0 && --rack_.persistence == 0) {
        rack_.multiplier = 1;
        rack_.late = {};
    }
}

void Connection::undo() {
    ++counters_.undone;
    congestion_.undo();
    may_undo_ = false;
    for (SentSegment& s : sent_.segments()) sent_.forget_loss(s);
    phase_ = Phase::Open;
    retries_ = 0;
    work_ |= work_output;
    want_work();
}

// RFC 6937 section 3: as much leaves as arrives, times what the window shrinks by.
void Connection::proportional_reduction(const AckResult& result, bool progress) {
    recovery_delivered_ += result.delivered;
    const uint32_t flight = sent_.in_flight(), threshold = congestion_.threshold();
    int64_t send;
    if (flight > threshold) {
        send = static_cast<int64_t>((uint64_t{recovery_delivered_} * threshold + recovery_flight_ - 1) / recovery_flight_) - recovery_sent_;
    } else {
        int64_t limit = std::max<int64_t>(int64_t{recovery_delivered_} - recovery_sent_, result.delivered);
        if (progress) limit += mss_;
        send = std::min<int64_t>(int64_t{threshold} - flight, limit);
    }
    // The first repetition always goes.
    send = std::max<int64_t>(send, recovery_sent_ == 0 ? mss_ : 0);
    congestion_.set_window(static_cast<uint32_t>(flight + send));
}

void Connection::note_duplicate_report(const SackBlock& block) {
    // RFC 8985 section 6.2, step 4: packets overtake each other by more than we believed. Once a round trip.
    if (!rack_.in_duplicate_round || seq_at_or_before(rack_.duplicate_round, snd_una_)) {
        rack_.in_duplicate_round = true;
        rack_.duplicate_round = snd_nxt_;
        rack_.multiplier = static_cast<uint8_t>(std::min(rack_.multiplier + 1, 20));
    }
    rack_.persistence = 16;
    // All that was repeated had arrived (RFC 3708).
    if (!may_undo_ || undo_repeats_ == 0 || seq_before(block.start, undo_marker_) || seq_before(recovery_point_, block.end)) return;
    const uint32_t length = block.end - block.start;
    undo_repeats_ = undo_repeats_ > length ? undo_repeats_ - length : 0;
    if (undo_repeats_ == 0 && !probe_.active) undo();
}

// RFC 8985 section 7.4.
void Connection::finish_tail_probe(const Segment& segment, bool duplicate_reported) {
    if (seq_before(segment.acknowledgement, probe_.end)) return;
    probe_.active = false;
    if (!probe_.repeated || duplicate_reported) return;
    // The probe repaired a loss that nobody would have noticed: the network was full all the same.
    if (phase_ != Phase::Open) return;
    may_undo_ = false;
    congestion_.reduce();
    congestion_.set_window(congestion_.threshold());
    if (agreed_.ecn) ecn_reduced_ = true;
}

// RFC 3168 section 6.1.2: like a loss, once a window of data.
void Connection::congestion_mark() {
    if (phase_ != Phase::Open || seq_before(snd_una_, ecn_point_)) return;
    ecn_point_ = snd_nxt_;
    may_undo_ = false;
    congestion_.reduce();
    congestion_.set_window(congestion_.threshold());
    ecn_reduced_ = true;
}

}  // namespace eremite::net::tcp

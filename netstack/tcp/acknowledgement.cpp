// What acknowledgements say: cumulative ones, selective ones (RFC 2018), windows (RFC 9293 section 3.10.7.4) and round trips.
#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net::tcp {

void Connection::receive_ack(const Segment& segment, const TcpOptions& options) {
    const Instant now = layer_.stack().now();
    const uint32_t ack = segment.acknowledgement;
    probes_ = 0;
    if (seq_before(ack, snd_una_)) {
        // Too old to say anything but what arrived twice.
        if (agreed_.sack && options.sack_count > 0 && seq_at_or_before(options.sacks[0].end, ack)) note_duplicate_report(options.sacks[0]);
        return;
    }
    AckResult result;
    if (agreed_.timestamps && options.has_timestamps) result.echo = options.timestamp_echo;
    const bool window_same = (uint32_t{segment.window} << agreed_.remote_scale) == snd_window_;
    if (ack != snd_una_) acknowledge(ack, result);
    bool duplicate_reported = false;
    if (agreed_.sack && options.sack_count > 0) {
        const SackBlock& first = options.sacks[0];
        // RFC 2883 section 4: a first block below the acknowledgement, or within the second, tells of a duplicate.
        duplicate_reported =
            seq_at_or_before(first.end, ack) || (options.sack_count > 1 && seq_at_or_before(options.sacks[1].start, first.start) &&
                                                 seq_at_or_before(first.end, options.sacks[1].end));
        if (duplicate_reported) note_duplicate_report(first);
        process_sacks(segment, options, result);
    }
    update_window(segment);
    if (result.rtt.ns != 0) {
        rtt_.add(result.rtt, now);
    } else if (result.acknowledged > 0 && agreed_.timestamps && options.has_timestamps && options.timestamp_echo != 0) {
        // Of something that was repeated; the echo says which of the times it was (RFC 7323 section 4).
        const auto milliseconds = static_cast<int32_t>(timestamp() - options.timestamp_echo);
        if (milliseconds >= 0 && milliseconds < 120'000) rtt_.add(Duration::milliseconds(milliseconds), now);
    }
    // RFC 5681 section 2: nothing new, no data, the same window, and something under way.
    const bool duplicate = result.acknowledged == 0 && segment.length == 0 && window_same && !sent_.empty() && !segment.has(TcpHeader::fin);
    duplicate_acks_ = result.acknowledged > 0 ? 0 : duplicate_acks_ + (duplicate ? 1 : 0);
    if (probe_.active) finish_tail_probe(segment, duplicate_reported);
    react(segment, options, result);
    if (result.acknowledged > 0 && fin_sent_ && ack == snd_nxt_) local_fin_acknowledged();
    if (state_ == State::Closed) return;
    if (unsent_bytes() > 0 || sent_.needs_repair() || fin_pending()) {
        work_ |= work_output;
        want_work();
    }
}

void Connection::acknowledge(uint32_t sequence, AckResult& result) {
    const Instant now = layer_.stack().now();
    result.acknowledged = sequence - snd_una_;
    counters_.bytes_acknowledged += result.acknowledged;
    while (SentSegment* s = sent_.front()) {
        if (!seq_before(s->start, sequence)) break;
        if (seq_before(sequence, s->end)) {
            if (!s->sacked) result.delivered += sequence - s->start;
            sent_.trim_front(sequence, send_.locate(s->at, sequence));
            break;
        }
        if (!s->sacked) delivered(*s, result);
        if (s->repeated) {
            result.repeated = true;
            if (!s->sacked && result.echo != 0 && seq_before(result.echo, timestamp_at(s->sent))) original_arrived(*s);
        } else if (!s->sacked) {
            result.rtt = now - s->sent;
        }
        sent_.remove_front();
    }
    // Karn's rule (RFC 6298 section 3): which of the times was answered is not known.
    if (result.repeated) result.rtt = {};
    snd_una_ = sequence;
    send_.release(sequence);
    retries_ = 0;
    progress_ = timeout_base_ = now;
    if (now - confirmed_ > Duration::seconds(1)) {
        confirmed_ = now;
        if (path_.interface) path_.interface->neighbours().confirm(path_.next_hop);
    }
}

// RFC 8985 section 6.2, steps 1 to 3.
void Connection::delivered(const SentSegment& s, AckResult& result) {
    const Instant now = layer_.stack().now();
    result.delivered += s.length();
    const Duration rtt = now - s.sent;
    if (seq_before(s.end, rack_.forward)) {
        if (!s.repeated) rack_.reordering = true;
    } else {
        rack_.forward = s.end;
    }
    // The answer is to the original, as the echo says or because it comes sooner than any round trip takes.
    if (s.repeated && ((result.echo != 0 && seq_before(result.echo, timestamp_at(s.sent))) || (rtt_.measured() && rtt < rtt_.smallest())))
        return;
    rack_.rtt = rtt;
    if (s.sent > rack_.sent || (s.sent == rack_.sent && seq_before(rack_.end, s.end))) {
        rack_.sent = s.sent;
        rack_.end = s.end;
    }
}

// What was repeated in vain, since the network only had it overtaken: the next ones are waited for as long (RFC 4737 section 4.2.2: late time).
void Connection::original_arrived(const SentSegment& s) {
    const Duration late = layer_.stack().now() - s.first - rack_.rtt;
    rack_.late = std::max(rack_.late, late);
    rack_.persistence = 16;
}

void Connection::process_sacks(const Segment& segment, const TcpOptions& options, AckResult& result) {
    for (unsigned i = 0; i < options.sack_count; ++i) {
        SackBlock block = options.sacks[i];
        if (!seq_before(block.start, block.end) || seq_at_or_before(block.end, segment.acknowledgement)) continue;
        if (seq_before(snd_nxt_, block.end) || seq_before(block.start, snd_una_)) continue;
        sack_range(block.start, block.end, result);
    }
}

void Connection::sack_range(uint32_t start, uint32_t end, AckResult& result) {
    for (SentSegment* s = sent_.front(); s && seq_before(s->start, end); s = sent_.next(*s)) {
        if (s->sacked || seq_at_or_before(s->end, start)) continue;
        // Where there is no memory to cut, less is known; that is safe.
        if (seq_before(s->start, start)) {
            if (!split(*s, start)) return;
            continue;
        }
        if (seq_before(end, s->end) && !split(*s, end)) return;
        if (!s->repeated && result.rtt.ns == 0 && result.acknowledged == 0) result.rtt = layer_.stack().now() - s->sent;
        delivered(*s, result);
        sent_.mark_sacked(*s);
        result.sacked_more = true;
    }
}

void Connection::update_window(const Segment& segment) {
    const bool newer =
        seq_before(snd_wl1_, segment.sequence) || (snd_wl1_ == segment.sequence && seq_at_or_before(snd_wl2_, segment.acknowledgement));
    if (!newer) return;
    const uint32_t window = uint32_t{segment.window} << agreed_.remote_scale;
    if (window > snd_window_ && unsent_bytes() > 0) {
        work_ |= work_output;
        want_work();
    }
    snd_window_ = window;
    max_window_ = std::max(max_window_, window);
    snd_wl1_ = segment.sequence;
    snd_wl2_ = segment.acknowledgement;
}

// While nothing is lost: the window grows, and the program may have room again.
void Connection::acknowledged_new(const AckResult& result) {
    if (result.acknowledged > 0 && phase_ != Phase::Recovery) {
        const uint32_t before = sent_.in_flight() + result.acknowledged;
        // A window that was not used says nothing about the network (RFC 7661); slow start may use half of it.
        if (cut_short_ || (congestion_.in_slow_start() && congestion_.window() < 2 * before))
            congestion_.acknowledged(result.acknowledged, layer_.stack().now(), rtt_.smallest());
        if (!settings.send_buffer_fixed && !settings.send_buffer) {
            const size_t wanted = 2 * size_t{congestion_.window()};
            if (wanted > send_limit_ && !layer_.stack().pool().under_pressure())
                send_limit_ = std::min(wanted, layer_.configuration().most_send_buffer);
        }
    }
    if (wanted_room_ && (awaits_memory_ || send_room() >= send_limit_ / 3)) {
        wanted_room_ = awaits_memory_ = false;
        note(event::writable);
    }
}

}  // namespace eremite::net::tcp

// Segments that arrive (RFC 9293 section 3.10.7), with the path for those that everything is as expected of.
#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net::tcp {

void Connection::receive(const Segment& segment, Packet&& packet) {
    ++counters_.segments_in;
    last_received_ = layer_.stack().now();
    if (fast_path(segment, packet)) [[likely]] {
        ++counters_.fast_path;
        return;
    }
    if (state_ == State::SynSent) {
        TcpOptions options;
        parse_tcp_options(segment.options, options);
        return receive_in_syn_sent(segment, options, std::move(packet));
    }
    if (state_ != State::Closed) slow_path(segment, std::move(packet));
}

// Header prediction (Jacobson 1990): the next data, acknowledgements of what is under way, or both, while nothing is lost.
bool Connection::fast_path(const Segment& segment, Packet& packet) {
    constexpr uint8_t ignored = TcpHeader::psh;
    if ((segment.flags & ~ignored) != TcpHeader::ack || segment.sequence != rcv_nxt_ || state_ != State::Established) return false;
    if (segment.options.size() != expected_header_ || phase_ != Phase::Open) return false;
    const uint32_t acknowledged = segment.acknowledgement - snd_una_;
    if (acknowledged > snd_nxt_ - snd_una_) return false;
    // Repeated acknowledgements may mean a loss.
    if (segment.length == 0 && acknowledged == 0) return false;
    if (sent_.sacked() != 0 || probe_.active || received_.has_early() || fin_early_ || read_shut_ || urgent_ == Urgent::Awaited) return false;
    if ((segment.traffic_class & ecn_mask) == ecn_ce && agreed_.ecn) return false;
    if (segment.length > rcv_edge_ - rcv_nxt_ || (segment.length > 0 && layer_.stack().pool().nearly_empty())) return false;
    if (expected_header_ != 0) {
        const uint8_t* options = segment.options.data();
        if (load_big<uint32_t>(options) != timestamps_alone) return false;
        const uint32_t value = load_big<uint32_t>(options + 4);
        if (seq_before(value, agreed_.recent_timestamp)) return false;
        // What is echoed is of the segment that the next acknowledgement answers first (RFC 7323 section 4.3).
        if (segment.sequence == acked_) agreed_.recent_timestamp = value;
    }
    const uint32_t window = uint32_t{segment.window} << agreed_.remote_scale;
    if (window != snd_window_) {
        snd_window_ = window;
        max_window_ = std::max(max_window_, window);
        work_ |= work_output;
        want_work();
    }
    snd_wl1_ = segment.sequence;
    snd_wl2_ = segment.acknowledgement;
    if (acknowledged > 0) {
        AckResult result;
        acknowledge(segment.acknowledgement, result);
        if (result.rtt.ns != 0) rtt_.add(result.rtt, layer_.stack().now());
        acknowledged_new(result);
        arm_retransmission();
        if (unsent_bytes() > 0 || fin_pending()) {
            work_ |= work_output;
            want_work();
        }
    }
    if (segment.length > 0) {
        packet.remove_front(segment.headers);
        received_.append(std::move(packet));
        rcv_nxt_ += segment.length;
        data_arrived(segment.length, segment);
        schedule_ack(segment);
    }
    return true;
}

bool Connection::acceptable(const Segment& segment) const {
    const uint32_t length = segment.span();
    const uint32_t window = rcv_edge_ - rcv_nxt_;
    // Section 3.10.7.4, first: some of it is in the window. What ends exactly where the window begins is an old segment.
    if (length == 0) return seq_at_or_before(rcv_nxt_, segment.sequence) && segment.sequence - rcv_nxt_ <= window;
    if (window == 0) return segment.sequence == rcv_nxt_ && segment.length == 0;
    return seq_before(segment.sequence, rcv_edge_) && seq_before(rcv_nxt_, segment.sequence + length);
}

void Connection::slow_path(const Segment& segment, Packet&& packet) {
    TcpOptions options;
    parse_tcp_options(segment.options, options);
    const bool rst = segment.has(TcpHeader::rst);
    if (agreed_.timestamps && !rst) {
        // RFC 7323 section 3.2: a segment without timestamps is not of this connection any more.
        if (!options.has_timestamps && !segment.has(TcpHeader::syn)) return layer_.stack().count(Drop::BadOption);
        // PAWS (section 5.3). Acknowledgements without data may have overtaken each other: what an older one reports is worth knowing, and one of
        // an earlier turn of the sequence numbers is older than that.
        const uint32_t age = options.has_timestamps ? agreed_.recent_timestamp - options.timestamp : 0;
        const bool overtaken = segment.span() == 0 && age <= static_cast<uint32_t>(rtt_.timeout().ns / 1'000'000);
        if (static_cast<int32_t>(age) > 0 && !overtaken) {
            layer_.stack().count(Drop::BadSequence);
            if (segment.length > 0 && agreed_.sack && seq_before(segment.sequence, rcv_nxt_))
                received_.note_duplicate(segment.sequence, seq_earlier(segment.sequence + segment.length, rcv_nxt_));
            return segment.span() > 0 ? send_ack() : challenge();
        }
    }
    if (!acceptable(segment)) {
        layer_.stack().count(Drop::BadSequence);
        if (rst) return;
        if (segment.length > 0 && agreed_.sack && seq_before(segment.sequence, rcv_nxt_))
            received_.note_duplicate(segment.sequence, seq_earlier(segment.sequence + segment.length, rcv_nxt_));
        if (segment.length > 0) acknowledge_quickly();
        // Repeated data and probes are always answered; the rest rarely, or two hosts that disagree would talk for ever.
        const bool probe = segment.length > 0 || segment.has(TcpHeader::fin) || segment.sequence == rcv_nxt_ - 1;
        if (segment.has(TcpHeader::syn) || !probe) challenge();
        else send_ack();
        // The acknowledgement in it is good all the same when it is an old segment's repetition.
        if (segment.span() > 0 || !segment.has(TcpHeader::ack)) return;
        if (seq_at_or_before(snd_una_, segment.acknowledgement) && seq_at_or_before(segment.acknowledgement, snd_nxt_) && synchronized())
            receive_ack(segment, options);
        return;
    }
    if (rst) {
        // RFC 5961 section 3.2: only an exact one ends the connection.
        if (segment.sequence == rcv_nxt_) return fail(state_ == State::SynReceived ? ECONNREFUSED : state_ == State::CloseWait ? EPIPE : ECONNRESET);
        return challenge();
    }
    if (segment.has(TcpHeader::syn)) return challenge();  // section 4.2
    if (!segment.has(TcpHeader::ack)) return layer_.stack().count(Drop::BadSequence);
    if (agreed_.timestamps && options.has_timestamps && seq_at_or_before(segment.sequence, acked_))
        agreed_.recent_timestamp = seq_later(agreed_.recent_timestamp, options.timestamp);

    if (state_ == State::SynReceived) {
        if (segment.acknowledgement != snd_nxt_) return layer_.send_reset(key, segment);
        snd_una_ = snd_nxt_;
        snd_window_ = max_window_ = uint32_t{segment.window} << agreed_.remote_scale;
        snd_wl1_ = segment.sequence;
        snd_wl2_ = segment.acknowledgement;
        established();
    } else {
        // RFC 5961 section 5.2: neither of what was never sent nor too old.
        if (seq_before(snd_nxt_, segment.acknowledgement) || seq_before(segment.acknowledgement, snd_una_ - max_window_)) return challenge();
        receive_ack(segment, options);
        if (state_ == State::Closed) return;
    }
    note_ecn(segment);
    if (segment.has(TcpHeader::urg) || urgent_ == Urgent::Awaited) [[unlikely]] receive_mark(segment, packet);
    if (segment.length > 0 || segment.has(TcpHeader::fin)) accept_data(segment, std::move(packet));
}

void Connection::challenge() {
    // Few for each connection, so that nobody learns from their number (RFC 5961 section 7, CVE-2016-5696).
    constexpr Duration interval = Duration::milliseconds(500);
    const Instant now = layer_.stack().now();
    if (challenged_ != Instant{} && now - challenged_ < interval) return layer_.stack().count(Drop::RateLimited);
    challenged_ = now;
    send_ack();
}

void Connection::note_ecn(const Segment& segment) {
    if (!agreed_.ecn) return;
    // RFC 3168 section 6.1.3: marks are echoed until the sender says that it slowed down.
    if (segment.has(TcpHeader::cwr)) ecn_echo_ = false;
    if ((segment.traffic_class & ecn_mask) == ecn_ce && segment.length > 0) {
        ecn_echo_ = true;
        ack_now_ = true;
        work_ |= work_ack;
        want_work();
    }
}

void Connection::accept_data(const Segment& segment, Packet&& packet) {
    if (state_ != State::Established && state_ != State::FinWait1 && state_ != State::FinWait2) return;
    uint32_t start = segment.sequence, end = start + segment.length;
    bool fin = segment.has(TcpHeader::fin);
    // Data for a program that is gone: the peer shall know (RFC 1122 section 4.2.2.13).
    if (orphan_ && segment.length > 0 && seq_before(rcv_nxt_, end)) {
        send_reset();
        return finish();
    }
    if (segment.length > 0 && layer_.stack().pool().nearly_empty()) return layer_.stack().count(Drop::NoMemory);
    packet.remove_front(segment.headers);
    if (seq_before(start, rcv_nxt_)) {
        const uint32_t old = std::min(rcv_nxt_ - start, segment.length);
        if (old > 0) received_.note_duplicate(start, start + old);
        acknowledge_quickly();
        ack_now_ = true;
        work_ |= work_ack;
        want_work();
        packet.remove_front(old);
        start += old;
    }
    if (seq_before(rcv_edge_, end)) {
        const uint32_t inside = seq_before(start, rcv_edge_) ? rcv_edge_ - start : 0;
        packet.truncate(inside);
        end = start + inside;
        fin = false;
    }
    if (start != end) {
        if (start == rcv_nxt_) {
            const uint32_t before = rcv_nxt_;
            received_.append(std::move(packet));
            rcv_nxt_ = end;
            if (received_.has_early()) {
                rcv_nxt_ = received_.take_early(end);
                // The end of a gap is told at once (RFC 5681 section 4.2).
                acknowledge_quickly();
                ack_now_ = true;
                work_ |= work_ack;
            }
            data_arrived(rcv_nxt_ - before, segment);
            schedule_ack(segment);
        } else {
            const bool kept = !layer_.stack().pool().under_pressure() && received_.insert_early(start, std::move(packet));
            if (!kept) layer_.stack().count(Drop::NoMemory);
            // Each is a hint for the peer, so that none is put together with others.
            send_ack();
        }
    }
    if (fin && !peer_finished_) {
        if (end == rcv_nxt_) return peer_fin();
        fin_early_ = true;
        fin_sequence_ = end;
        send_ack();
    }
    if (fin_early_ && fin_sequence_ == rcv_nxt_ && !peer_finished_) {
        fin_early_ = false;
        peer_fin();
    }
}

void Connection::data_arrived(uint32_t bytes, const Segment& segment) {
    // After as long a pause the peer's timer may have fired: it sends segment by segment and waits for each.
    const Instant now = layer_.stack().now();
    if (now - data_at_ >= RttEstimator::least) acknowledge_quickly();
    data_at_ = now;
    counters_.bytes_received += bytes;
    const uint32_t size = segment.segment_size ? segment.segment_size : segment.length;
    // The size of full segments; joined ones that do not say theirs are no measure.
    if (size > received_mss_ && size <= 65535 && (segment.segment_size || size <= mss_ + 64)) received_mss_ = size;
    note(event::readable);
}

}  // namespace eremite::net::tcp

// From one state to the next (RFC 9293 section 3.3.2): how connections open, how they end, and what their users hear of it.
#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net::tcp {

Connection::Connection(TcpLayer& layer, const FlowKey& flow)
    : FlowEntry{FlowKind::Connection, flow}, Timer{[](Timer& timer) { static_cast<Connection&>(timer).timeout(); }}, layer_{layer},
      sent_{layer.sent_segments()} {}

Connection::~Connection() {
    layer_.stack().timers().cancel(*this);
    if (PendingNode::linked()) PendingNode::unlink();
    if (AcceptNode::linked()) AcceptNode::unlink();
    if (BlockedSender::linked()) BlockedSender::unlink();
}

void Connection::open_actively(Instant now) {
    agreed_.local_initial = layer_.initial_sequence(key);
    agreed_.timestamp_offset = layer_.timestamp_offset(key);
    agreed_.local_scale = layer_.receive_scale(settings);
    snd_una_ = agreed_.local_initial;
    snd_nxt_ = snd_una_ + 1;
    send_.start(snd_nxt_);
    send_limit_ = settings.send_buffer ? settings.send_buffer : layer_.configuration().initial_send_buffer;
    receive_limit_ = settings.receive_buffer ? settings.receive_buffer : layer_.configuration().initial_receive_buffer;
    state_ = State::SynSent;
    progress_ = last_received_ = now;
    timeout_base_ = now;
    send_syn();
    set_retransmission(RetransmitKind::Timeout, now + backed_off());
}

void Connection::apply(const Negotiated& agreed) {
    agreed_ = agreed;
    if (!agreed_.scaling) agreed_.local_scale = agreed_.remote_scale = 0;
    expected_header_ = agreed_.timestamps ? timestamps_length : 0;
    rcv_nxt_ = agreed_.remote_initial + 1;
    acked_ = rcv_nxt_;
    // The window in a SYN is not scaled.
    rcv_edge_ = rcv_nxt_ + std::min<uint32_t>(static_cast<uint32_t>(receive_limit_), 65535);
    space_edge_ = rcv_edge_;
    space_since_ = layer_.stack().now();
    last_small_ = rack_.forward = recovery_point_ = ecn_point_ = agreed_.local_initial;
    (void)update_path();
    update_mss();
    received_mss_ = std::min<uint32_t>(mss_, 536);
}

void Connection::open_passively(const Negotiated& agreed, const Settings& s, uint16_t window) {
    settings = s;
    send_limit_ = settings.send_buffer ? settings.send_buffer : layer_.configuration().initial_send_buffer;
    receive_limit_ = settings.receive_buffer ? settings.receive_buffer : layer_.configuration().initial_receive_buffer;
    apply(agreed);
    snd_una_ = snd_nxt_ = agreed_.local_initial + 1;
    send_.start(snd_nxt_);
    snd_wl1_ = agreed_.remote_initial;
    snd_wl2_ = snd_una_;
    snd_window_ = max_window_ = uint32_t{window} << agreed_.remote_scale;
    established();
}

void Connection::established() {
    const Instant now = layer_.stack().now();
    state_ = State::Established;
    congestion_.start(mss_);
    // RFC 6298 section 5.7 and RFC 6928 section 2: after a lost SYN the network is not trusted that much.
    if (retries_ > 0) congestion_.set_window(mss_);
    retries_ = 0;
    progress_ = last_received_ = last_sent_ = data_at_ = now;
    set_retransmission(RetransmitKind::None, Instant::never());
    arm_idle();
    note(event::writable);
    if (write_ended_) (void)shutdown(false, true);
}

void Connection::receive_in_syn_sent(const Segment& segment, const TcpOptions& options, Packet&&) {
    const bool has_ack = segment.has(TcpHeader::ack);
    if (has_ack && segment.acknowledgement != snd_nxt_) {
        if (!segment.has(TcpHeader::rst)) layer_.send_reset(key, segment);
        return;
    }
    if (segment.has(TcpHeader::rst)) {
        if (has_ack) fail(ECONNREFUSED);
        return;
    }
    if (!segment.has(TcpHeader::syn)) return;
    Negotiated agreed = agreed_;
    agreed.remote_initial = segment.sequence;
    layer_.negotiate(agreed, segment, options, has_ack);
    apply(agreed);
    snd_wl1_ = segment.sequence;
    snd_wl2_ = segment.acknowledgement;
    snd_window_ = max_window_ = segment.window;
    if (!has_ack) {
        // Both opened at once (section 3.5, figure 8).
        state_ = State::SynReceived;
        send_syn();
        return;
    }
    const Instant now = layer_.stack().now();
    if (retries_ == 0) rtt_.add(now - timeout_base_, now);
    snd_una_ = snd_nxt_;
    established();
    work_ |= work_ack | work_output;
    // Data may go along with the acknowledgement, and a program that sends at once shall not wait for it.
    ack_now_ = true;
    want_work();
}

void Connection::peer_fin() {
    ++rcv_nxt_;
    peer_finished_ = true;
    ack_now_ = true;
    work_ |= work_ack;
    want_work();
    switch (state_) {
        case State::SynReceived:
        case State::Established: state_ = State::CloseWait; break;
        case State::FinWait1: state_ = State::Closing; break;
        case State::FinWait2: return enter_time_wait();
        default: break;
    }
    note(event::readable | (write_ended_ ? event::hangup : 0));
}

void Connection::local_fin_acknowledged() {
    switch (state_) {
        case State::FinWait1:
            state_ = State::FinWait2;
            arm_idle();
            break;
        case State::Closing: return enter_time_wait();
        case State::LastAck: return finish();
        default: break;
    }
}

void Connection::enter_time_wait() {
    // The last acknowledgement, which its successor repeats if it must.
    send_ack();
    layer_.stack().timers().cancel(*this);
    const TimeWaitState left{.rcv_nxt = rcv_nxt_,
                             .snd_nxt = snd_nxt_,
                             .window = static_cast<uint16_t>(std::min<uint32_t>(rcv_edge_ - rcv_nxt_, 65535)),
                             .timestamps = agreed_.timestamps,
                             .recent_timestamp = agreed_.recent_timestamp,
                             .timestamp_offset = agreed_.timestamp_offset};
    finish();
    layer_.add_time_wait(key, left);
}

void Connection::fail(int error) {
    error_ = error;
    note(event::error);
    finish();
}

void Connection::finish() {
    if (state_ == State::Closed) return;
    state_ = State::Closed;
    layer_.stack().timers().cancel(*this);
    ack_at_ = retransmit_at_ = idle_at_ = Instant::never();
    if (BlockedSender::linked()) BlockedSender::unlink();
    layer_.forget(*this);
    sent_.clear();
    send_.clear();
    work_ = 0;
    write_ended_ = true;
    // A connection that nobody accepted yet has no user; the listener's next accept() passes it over.
    note(event::readable | event::writable | event::hangup);
}

void Connection::note(uint32_t events) {
    events_ |= events;
    want_work();
}

void Connection::want_work() {
    if (PendingNode::linked()) return;
    layer_.pending().push_back(*this);
    layer_.stack().touch();
}

void Connection::receive_error(uint32_t sequence, int error, uint16_t mtu) {
    // Only what is about a segment that is under way (RFC 5927 section 4.1).
    if (seq_before(sequence, snd_una_) || !seq_before(sequence, snd_nxt_)) return;
    if (state_ == State::SynSent) {
        if (error != EMSGSIZE) fail(error);
        return;
    }
    if (error == EMSGSIZE && mtu != 0) {
        const uint32_t before = mss_;
        if (!update_path()) return;
        update_mss();
        if (mss_ >= before) return;
        // What was too large will not arrive; that says nothing about congestion (RFC 8201 section 5.4).
        for (SentSegment& s : sent_.segments()) sent_.mark_lost(s);
        work_ |= work_output;
        want_work();
        return;
    }
    // Others may pass: they are told when the connection times out (RFC 5461).
    soft_error_ = error;
}

}  // namespace eremite::net::tcp

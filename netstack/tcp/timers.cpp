// Time: each connection has one timer of the wheel, which is set for the earliest of its deadlines and never moved to a later one;
// when it fires too early it is set anew. So most packets only store a deadline.
#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net::tcp {

void Connection::arm(Instant deadline) {
    if (deadline == Instant::never()) return;
    if (Timer::linked() && TimerWheel::due(*this) <= deadline) return;
    layer_.stack().timers().set(*this, deadline);
}

void Connection::rearm() {
    const Instant next = std::min({ack_at_, retransmit_at_, idle_at_});
    if (next != Instant::never()) arm(next);
}

void Connection::set_retransmission(RetransmitKind kind, Instant at) {
    retransmit_kind_ = kind;
    retransmit_at_ = at;
    arm(at);
}

Duration Connection::backed_off() const {
    const int64_t base = rtt_.timeout().ns;
    return {std::min(base << std::min<uint8_t>(retries_, 12), RttEstimator::most.ns)};
}

void Connection::arm_retransmission() {
    const Instant now = layer_.stack().now();
    if (sent_.empty()) {
        if (state_ == State::SynSent || state_ == State::SynReceived) return;
        // The window is closed: somebody has to ask when it opens (RFC 9293 section 3.8.6.1).
        if (unsent_bytes() > 0 || fin_pending()) {
            if (retransmit_kind_ != RetransmitKind::WindowProbe)
                set_retransmission(RetransmitKind::WindowProbe,
                                   now + Duration{std::min(rtt_.timeout().ns << std::min<uint8_t>(probes_, 12), RttEstimator::most.ns)});
            return;
        }
        return set_retransmission(RetransmitKind::None, Instant::never());
    }
    const Instant timeout_at = timeout_base_ + backed_off();
    // RFC 8985 section 7.2: a probe for a tail that was lost, once and while nothing else is wrong.
    const bool may_probe = agreed_.sack && phase_ == Phase::Open && !probe_.active && sent_.sacked() == 0 && retries_ == 0 && rtt_.measured();
    if (may_probe) {
        Duration wait{2 * rtt_.smoothed().ns};
        // One that is alone may wait for the peer's delayed acknowledgement.
        wait = wait + (sent_.outstanding() <= mss_ ? Duration::milliseconds(200) : Duration::milliseconds(2));
        return set_retransmission(RetransmitKind::TailProbe, std::max(std::min(now + wait, timeout_at), now));
    }
    set_retransmission(RetransmitKind::Timeout, std::max(timeout_at, now));
}

void Connection::timeout() {
    const Instant now = layer_.stack().now();
    if (ack_at_ <= now) {
        ack_at_ = Instant::never();
        send_ack();
    }
    if (retransmit_at_ <= now) {
        const RetransmitKind kind = std::exchange(retransmit_kind_, RetransmitKind::None);
        retransmit_at_ = Instant::never();
        if (std::exchange(awaits_memory_, false) && wanted_room_) note(event::writable);
        switch (kind) {
            case RetransmitKind::None: break;
            case RetransmitKind::Timeout: retransmission_timeout(); break;
            case RetransmitKind::TailProbe: tail_probe(); break;
            case RetransmitKind::Reordering:
                detect_losses();
                if (phase_ == Phase::Open && sent_.needs_repair()) {
                    enter_recovery();
                    proportional_reduction({}, false);
                }
                output();
                if (retransmit_kind_ == RetransmitKind::None) arm_retransmission();
                break;
            case RetransmitKind::WindowProbe: window_probe(); break;
        }
    }
    if (state_ == State::Closed) return;
    if (idle_at_ <= now) {
        idle_at_ = Instant::never();
        idle_timeout();
        if (state_ == State::Closed) return;
    }
    rearm();
}

bool Connection::gave_up() {
    const TcpConfiguration& c = layer_.configuration();
    const Instant now = layer_.stack().now();
    const bool too_long =
        settings.user_timeout.ns > 0 ? now - progress_ >= settings.user_timeout : retries_ >= (orphan_ ? c.orphan_retries : c.data_retries);
    if (too_long) fail(soft_error_ ? soft_error_ : ETIMEDOUT);
    return too_long;
}

void Connection::retransmission_timeout() {
    const Instant now = layer_.stack().now();
    if (state_ == State::SynSent || state_ == State::SynReceived) {
        const uint8_t most = settings.syn_retries ? settings.syn_retries : layer_.configuration().syn_retries;
        const bool too_long = settings.user_timeout.ns > 0 ? now - progress_ >= settings.user_timeout : retries_ >= most;
        if (too_long) return fail(soft_error_ ? soft_error_ : ETIMEDOUT);
        ++retries_;
        // Some drop what they do not know (RFC 3168 section 6.1.1.1).
        if (retries_ > 1) agreed_.ecn = false;
        send_syn();
        return set_retransmission(RetransmitKind::Timeout, now + backed_off());
    }
    if (sent_.empty()) return output();
    if (gave_up()) return;
    enter_loss();
    ++retries_;
    timeout_base_ = now;
    probe_.active = false;
    output();
    if (retransmit_kind_ == RetransmitKind::None) set_retransmission(RetransmitKind::Timeout, now + backed_off());
}

// RFC 8985 section 7.3: something new if the peer has room for it, else the last once more.
void Connection::tail_probe() {
    if (sent_.empty() || phase_ != Phase::Open) return arm_retransmission();
    ++counters_.tail_probes;
    bool done = false;
    if (update_path() && !path_.interface->congested()) {
        const uint32_t before = snd_nxt_;
        done = unsent_bytes() > 0 && send_new(mss_);
        probe_.repeated = !done && snd_nxt_ == before;
        if (!done) {
            SentSegment* last = sent_.back();
            const uint32_t data = last->length() - (last->has_fin ? 1 : 0);
            // Of a long one its last part.
            if (data > mss_ && split(*last, last->start + (data - 1) / mss_ * mss_)) last = sent_.back();
            done = retransmit(*last, mss_);
        }
    }
    if (done) {
        probe_.active = true;
        probe_.end = snd_nxt_;
    }
    timeout_base_ = layer_.stack().now();
    set_retransmission(RetransmitKind::Timeout, timeout_base_ + backed_off());
}

void Connection::window_probe() {
    const Instant now = layer_.stack().now();
    // What was held back for a larger window or for more data has waited long enough (RFC 9293 section 3.8.6.2.1, tcp(7)).
    push();
    if (!sent_.empty() || (unsent_bytes() == 0 && !fin_pending())) return arm_retransmission();
    const TcpConfiguration& c = layer_.configuration();
    if (probes_ >= (orphan_ ? c.orphan_retries : c.data_retries) ||
        (settings.user_timeout.ns > 0 && probes_ > 0 && now - last_received_ >= settings.user_timeout))
        return fail(soft_error_ ? soft_error_ : ETIMEDOUT);
    ++probes_;
    // An old sequence number makes the peer answer with its window.
    if (update_path()) (void)transmit(TcpHeader::ack, snd_una_ - 1, 0, nullptr, true);
    retransmit_kind_ = RetransmitKind::None;
    arm_retransmission();
}

void Connection::arm_idle() {
    const Instant now = layer_.stack().now();
    if (state_ == State::FinWait2 && orphan_) idle_at_ = now + layer_.configuration().fin_timeout;
    else if (settings.keep_alive) idle_at_ = std::max(last_received_ + settings.keep_alive_idle, now);
    else idle_at_ = Instant::never();
    if (idle_at_ != Instant::never()) arm(idle_at_);
}

// Keep-alive (RFC 9293 section 3.8.4), and the end of those whose peers never close.
void Connection::idle_timeout() {
    if (state_ == State::FinWait2 && orphan_) return finish();
    if (!settings.keep_alive || !synchronized()) return;
    const Instant now = layer_.stack().now();
    const Duration idle = now - last_received_;
    if (idle < settings.keep_alive_idle || !sent_.empty()) {
        idle_at_ = std::max(last_received_ + settings.keep_alive_idle, now + Duration::milliseconds(100));
        if (idle < settings.keep_alive_idle) probes_ = 0;
        return;
    }
    const bool too_long = settings.user_timeout.ns > 0 ? probes_ > 0 && idle >= settings.user_timeout : probes_ >= settings.keep_alive_probes;
    if (too_long) {
        send_reset();
        return fail(soft_error_ ? soft_error_ : ETIMEDOUT);
    }
    ++probes_;
    if (update_path()) (void)transmit(TcpHeader::ack, snd_una_ - 1, 0, nullptr, true);
    idle_at_ = now + settings.keep_alive_interval;
}

void Connection::work() {
    const uint8_t work = std::exchange(work_, uint8_t{0});
    if (work & work_output) output();
    // Output that went along cleared the mark.
    if (ack_now_ && state_ != State::Closed) send_ack();
    if (events_ && observer_) observer_->notify(std::exchange(events_, 0));
}

}  // namespace eremite::net::tcp

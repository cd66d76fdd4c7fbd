// What users call.
#include "netstack/tcp/connection.hpp"

#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net::tcp {

size_t Connection::send_room() const {
    const size_t used = unacknowledged_bytes();
    return used >= send_limit_ ? 0 : send_limit_ - used;
}

Result<size_t> Connection::send(ByteSource& source, size_t size, bool more, bool urgent) {
    if (const int error = take_error()) return Error{error};
    if (write_ended_) return Error{EPIPE};
    if (state_ == State::SynSent || state_ == State::SynReceived) return Error{EAGAIN};
    if (size == 0) return size_t{0};
    const size_t room = send_room();
    if (room == 0) {
        wanted_room_ = true;
        return Error{EAGAIN};
    }
    const Result<size_t> written = send_.write(layer_.stack().pool(), source, std::min(size, room));
    if (!written.ok()) {
        if (written.code() != ENOBUFS) return written.error();
        wanted_room_ = true;
        layer_.wait_for_memory(*this);
        return Error{EAGAIN};
    }
    if (written.value() < size) wanted_room_ = true;
    more_coming_ = more;
    if (urgent) [[unlikely]] {
        urgent_end_ = send_.end();
        urgent_sending_ = true;
    }
    output();
    return written.value();
}

Result<void> Connection::send(Packet& data, bool more) {
    if (const int error = take_error()) return Error{error};
    if (write_ended_) return Error{EPIPE};
    const size_t size = data.length();
    // One that is larger than the whole buffer goes when that is empty.
    if (state_ == State::SynSent || state_ == State::SynReceived || (size > send_room() && unacknowledged_bytes() > 0)) {
        wanted_room_ = true;
        return Error{EAGAIN};
    }
    if (size == 0) return {};
    send_.append(std::move(data));
    more_coming_ = more;
    output();
    return {};
}

void Connection::push() {
    push_all_ = true;
    output();
    push_all_ = false;
}

Result<size_t> Connection::receive(ByteSink& sink, size_t size, bool peek) {
    const size_t skip = urgent_ != Urgent::None ? stop_at_mark(size, peek) : 0;
    if (received_.bytes() <= skip) {
        if (const int error = take_error()) return Error{error};
        if (peer_finished_ || read_shut_ || state_ == State::Closed) return size_t{0};
        return Error{EAGAIN};
    }
    const size_t read = TRY(received_.read(sink, size, peek, skip));
    if (peek) return read;
    consumed(read);
    if (urgent_ != Urgent::None && seq_before(urgent_at_, read_up_to())) urgent_ = Urgent::None;
    return read;
}

Packet Connection::receive_packet(size_t most) {
    if (urgent_ != Urgent::None) (void)stop_at_mark(most, false);
    Packet packet = received_.read_packet(most);
    if (packet) consumed(packet.length());
    return packet;
}

void Connection::consumed(size_t bytes) {
    consumed_ += bytes;
    freed_ += bytes;
    if (freed_ < worth_telling_ || !synchronized() || peer_finished_) return;
    grow_receive_buffer();
    const uint32_t edge = rcv_nxt_ + receive_space();
    if (seq_before(rcv_edge_, edge) && edge - rcv_edge_ >= worth_telling()) {
        ack_now_ = true;
        work_ |= work_ack;
        want_work();
    }
}

// Of how much new room the peer is told (RFC 9293 section 3.8.6.2.2): two segments and a quarter of the window, or half of it. With less, a
// program that is slower than the peer would get each few segments for a packet that asks for them.
uint32_t Connection::worth_telling() const {
    const uint32_t window = largest_window();
    return std::min(std::max(2U * received_mss_, window / 4), window / 2);
}

// Twice what the program took in a round trip, and more while that grows, so that the window never is what limits a peer in slow start: what is
// under way is as much more again. Without a measured round trip it is one when all that could be sent at its beginning has come.
void Connection::grow_receive_buffer() {
    const Instant now = layer_.stack().now();
    const Duration elapsed = now - space_since_, round_trip = rtt_.smallest();
    if (rtt_.measured() ? elapsed < round_trip : seq_before(rcv_nxt_, space_edge_)) return;
    // In one round trip without queues, though it may be longer ago: a window beyond that only makes queues.
    const uint64_t taken = rtt_.measured() ? consumed_ * static_cast<uint64_t>(round_trip.ns) / static_cast<uint64_t>(elapsed.ns) : consumed_;
    const uint64_t before = std::max<uint64_t>(consumed_before_, received_mss_);
    const uint64_t more = taken > before ? 2 * taken * (taken - before) / before : 0;
    const auto wanted = static_cast<size_t>(2 * taken + std::min(more, 2 * taken) + 16 * size_t{received_mss_});
    if (wanted > receive_limit_ && !settings.receive_buffer_fixed && !layer_.stack().pool().under_pressure())
        receive_limit_ = std::min(wanted, layer_.configuration().most_receive_buffer);
    consumed_before_ = taken;
    consumed_ = 0;
    space_since_ = now;
    space_edge_ = rcv_edge_;
}

Result<void> Connection::shutdown(bool reading, bool writing) {
    if (state_ == State::Closed || state_ == State::SynSent) return Error{ENOTCONN};
    if (reading) {
        read_shut_ = true;
        note(event::readable);
    }
    if (writing && !fin_sent_) {
        write_ended_ = true;
        if (state_ == State::Established || state_ == State::SynReceived) {
            // Before the handshake ends nothing is sent; established() comes back here.
            if (state_ == State::Established) state_ = State::FinWait1;
        } else if (state_ == State::CloseWait) {
            state_ = State::LastAck;
        }
        if (peer_finished_) note(event::hangup);
        more_coming_ = false;
        output();
    }
    return {};
}

void Connection::close() {
    observer_ = nullptr;
    listener_ = nullptr;
    orphan_ = true;
    want_work();
    if (state_ == State::Closed) return;
    if (state_ == State::SynSent) return finish();
    if (received_.bytes() > 0 || (settings.linger && settings.linger_seconds == 0)) return abort();
    received_.clear();
    if (!write_ended_) (void)shutdown(false, true);
    arm_idle();
}

void Connection::abort() {
    orphan_ = true;
    observer_ = nullptr;
    listener_ = nullptr;
    want_work();
    if (state_ == State::Closed) return;
    if (synchronized() || state_ == State::SynReceived) send_reset();
    finish();
}

void Connection::acknowledge_now() {
    if (synchronized() && acked_ != rcv_nxt_) send_ack();
}

void Connection::settings_changed() {
    if (settings.send_buffer) send_limit_ = settings.send_buffer;
    if (settings.receive_buffer) receive_limit_ = settings.receive_buffer;
    if (!synchronized()) return;
    update_mss();
    arm_idle();
    output();
}

Info Connection::info() const {
    Info i;
    i.state = state_;
    i.timestamps = agreed_.timestamps;
    i.sack = agreed_.sack;
    i.scaling = agreed_.scaling;
    i.ecn = agreed_.ecn;
    i.send_scale = agreed_.remote_scale;
    i.receive_scale = agreed_.local_scale;
    i.timeout = backed_off();
    i.rtt = rtt_.smoothed();
    i.rtt_variance = rtt_.variance();
    i.smallest_rtt = rtt_.smallest();
    i.send_mss = mss_;
    i.receive_mss = received_mss_;
    i.path_mtu = path_.mtu;
    i.congestion_window = congestion_.window();
    i.threshold = congestion_.threshold();
    i.send_window = snd_window_;
    i.receive_window = rcv_edge_ - rcv_nxt_;
    i.unacknowledged = sent_.outstanding();
    i.in_flight = sent_.in_flight();
    i.sacked = sent_.sacked();
    i.lost = sent_.lost();
    i.in_recovery = phase_ == Phase::Recovery;
    i.in_loss = phase_ == Phase::Loss;
    i.reordering = rack_.reordering;
    i.backoff = retries_;
    i.counters = counters_;
    return i;
}

}  // namespace eremite::net::tcp

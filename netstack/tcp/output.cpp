// Segments that leave: what may be sent and when (RFC 9293 section 3.8, RFC 1122 section 4.2.3.4, RFC 6675).
#include <algorithm>

#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net::tcp {

Instant Connection::layer_time() const { return layer_.stack().now(); }

bool Connection::update_path() {
    IpLayer& ip = layer_.stack().ip();
    if (path_.interface && path_.generation == ip.generation()) [[likely]] return true;
    const Result<Path> path = ip.find_path(key.remote.address, key.local.address, settings.interface);
    if (!path.ok()) {
        soft_error_ = path.code();
        return false;
    }
    const bool other_mtu = path.value().mtu != path_.mtu;
    path_ = path.value();
    if (other_mtu && synchronized()) update_mss();
    return true;
}

void Connection::update_mss() {
    // What a segment's data may have of the path (RFC 6691); timestamps are in each.
    const uint32_t headers = (key.remote.address.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + sizeof(TcpHeader);
    const uint32_t by_path = path_.mtu > headers + 88 ? path_.mtu - headers : 88;
    uint32_t mss = std::min<uint32_t>(by_path, agreed_.remote_mss);
    if (settings.most_segment) mss = std::min<uint32_t>(mss, settings.most_segment);
    if (agreed_.timestamps) mss -= timestamps_length;
    mss_ = std::max<uint32_t>(mss, 48);
    congestion_.set_mss(mss_);
}

uint32_t Connection::most_payload() const {
    // A device that cuts segments does not know of marks in them.
    if (urgent_sending_) [[unlikely]] return mss_;
    const Capabilities& c = path_.interface->capabilities();
    const uint32_t most = key.remote.address.is_v4() ? c.tcp4_segmentation : c.tcp6_segmentation;
    // Whole segments, within what an IP header can say.
    return most <= mss_ ? mss_ : std::min<uint32_t>(most, 65535 - 120) / mss_ * mss_;
}

uint32_t Connection::usable_window() const {
    const auto left = static_cast<int32_t>(snd_una_ + snd_window_ - snd_nxt_);
    return left > 0 ? static_cast<uint32_t>(left) : 0;
}

uint32_t Connection::largest_window() const {
    size_t most = std::min<size_t>(receive_limit_, size_t{65535} << agreed_.local_scale);
    if (layer_.stack().pool().under_pressure()) most = std::min<size_t>(most, 4 * size_t{received_mss_});
    return static_cast<uint32_t>(most);
}

uint32_t Connection::receive_space() const {
    const size_t used = received_.bytes();
    return used >= receive_limit_ ? 0 : static_cast<uint32_t>(std::min<size_t>(receive_limit_ - used, largest_window()));
}

uint16_t Connection::window_field() {
    // Programs that keep up with the peer never free much at once. What they took is too little for the buffer to grow, or enough to look.
    if (consumed_ > receive_limit_ / 8) grow_receive_buffer();
    const uint32_t scale = agreed_.local_scale;
    uint32_t edge = seq_later(rcv_edge_, rcv_nxt_ + receive_space());
    // No silly windows: a little more is not offered (RFC 9293 section 3.8.6.2.2).
    const auto worth = std::min<uint32_t>(received_mss_, static_cast<uint32_t>(receive_limit_ / 2));
    if (edge - rcv_edge_ < worth && edge != rcv_edge_) edge = rcv_edge_;
    // Rounded up, so that what was offered is not taken back.
    const uint32_t field = std::min<uint32_t>((edge - rcv_nxt_ + (1U << scale) - 1) >> scale, 65535);
    rcv_edge_ = seq_later(rcv_edge_, rcv_nxt_ + (field << scale));
    freed_ = 0;
    worth_telling_ = worth_telling();
    return static_cast<uint16_t>(field);
}

bool Connection::transmit(uint8_t flags, uint32_t sequence, uint32_t length, Fragment* at, bool probe) {
    Stack& stack = layer_.stack();
    Packet packet = Packet::allocate(stack.pool());
    if (!packet) [[unlikely]] return false;
    if (length > 0 && !send_.attach(packet, at, sequence, length)) [[unlikely]] return false;
    TcpOptions options;
    std::array<uint8_t, 40> bytes;
    size_t option_length = 0;
    const bool reports = length == 0 && agreed_.sack && !probe && (received_.has_early() || received_.has_duplicate());
    if (reports) [[unlikely]] {
        options.has_timestamps = agreed_.timestamps;
        options.timestamp = timestamp();
        options.timestamp_echo = agreed_.recent_timestamp;
        const unsigned most = agreed_.timestamps ? 3 : 4;
        if (received_.has_duplicate()) options.sacks[options.sack_count++] = received_.take_duplicate();
        for (const SackBlock& range : received_.ranges())
            if (options.sack_count < most) options.sacks[options.sack_count++] = range;
        option_length = write_tcp_options(bytes.data(), options);
    } else if (agreed_.timestamps) {
        store_big(&bytes[0], timestamps_alone);
        store_big(&bytes[4], timestamp());
        store_big(&bytes[8], agreed_.recent_timestamp);
        option_length = timestamps_length;
    }
    const auto header_length = static_cast<uint32_t>(sizeof(TcpHeader) + option_length);
    uint8_t* to = packet.push_front(header_length);
    if (!to) [[unlikely]] return false;
    __builtin_memcpy(to + sizeof(TcpHeader), bytes.data(), option_length);
    if (ecn_echo_) flags |= TcpHeader::ece;
    bool capable = false;
    if (agreed_.ecn && length > 0 && !seq_before(sequence, snd_nxt_)) {
        capable = true;
        if (std::exchange(ecn_reduced_, false)) flags |= TcpHeader::cwr;
    }
    // SAFETY: the header is made of bytes, and push_front() made room for it.
    auto& header = *reinterpret_cast<TcpHeader*>(to);
    header.source_port = key.local.port;
    header.destination_port = key.remote.port;
    header.sequence = sequence;
    header.acknowledgement = rcv_nxt_;
    header.data_offset = static_cast<uint8_t>(header_length / 4 << 4);
    header.flags = flags;
    header.window = window_field();
    header.urgent = 0;
    if (urgent_sending_) [[unlikely]] mark_sent(header, sequence);
    ChecksumSum sum;
    sum.add_pseudo_header(key.local.address, key.remote.address, static_cast<uint8_t>(Protocol::Tcp), header_length + length);
    header.checksum.set_raw(sum.folded());
    Offload& offload = packet.offload();
    offload = {.checksum_start = 0, .checksum_offset = offsetof(TcpHeader, checksum), .header_length = static_cast<uint16_t>(header_length),
               .checksum = ChecksumState::Partial};
    if (length > mss_) {
        offload.segment_size = static_cast<uint16_t>(mss_);
        offload.segmentation = key.remote.address.is_v4() ? Segmentation::Tcp4 : Segmentation::Tcp6;
        offload.ecn = (flags & TcpHeader::cwr) != 0;
    }
    // It acknowledges all that is here.
    acked_ = rcv_nxt_;
    ack_at_ = Instant::never();
    ack_now_ = false;
    work_ &= static_cast<uint8_t>(~work_ack);
    ++counters_.segments_out;
    last_sent_ = stack.now();
    const uint8_t traffic_class = static_cast<uint8_t>((settings.traffic_class & ~ecn_mask) | (capable ? ecn_ect0 : 0));
    (void)stack.ip().send(path_, std::move(packet),
                          {.source = key.local.address, .destination = key.remote.address, .protocol = Protocol::Tcp, .ttl = settings.ttl,
                           .traffic_class = traffic_class, .dont_fragment = true});
    return true;
}

// Requires: a path, room in the device's queue.
bool Connection::send_new(uint32_t limit) {
    const uint32_t next = data_next();
    const uint32_t available = send_.end() - next;
    const uint32_t flight = sent_.outstanding();
    if (fin_sent_ || (available == 0 && !fin_pending())) {
        cut_short_ = false;
        return false;
    }
    const uint32_t usable = usable_window();
    uint32_t size = std::min(available, usable);
    if (available > 0 && size == 0) return false;
    if (limit < std::min(size, mss_) && flight > 0) {
        cut_short_ = true;
        return false;
    }
    // No more than half of the window in one packet: one that is lost leaves another whose acknowledgement tells of it.
    size = std::min({size, std::max(limit, mss_), std::max(congestion_.window() / 2 / mss_ * mss_, mss_), most_payload()});
    bool last = size == available;
    const uint32_t rest = size < mss_ ? size : size % mss_;  // divisions are dear
    if (rest != 0) {
        // A segment that is not full: the end of the data, or of the window.
        const bool push = push_all_ || (urgent_sending_ && seq_before(next, urgent_end_));
        const bool held = (settings.cork || more_coming_) && !fin_pending() && !push;
        const bool nagle = !settings.no_delay && !fin_pending() && !push && seq_before(snd_una_, last_small_);
        const bool worth = push || size >= mss_ || (size >= max_window_ / 2 && flight == 0);
        const bool allowed = last ? !held && (!nagle || flight == 0) : worth;
        if (!allowed || (!last && size > mss_)) {
            if (size < mss_) return false;
            size -= rest;
            last = false;
        }
    }
    const bool fin = last && fin_pending() && usable > size;
    if (size == 0 && !fin) return false;
    const uint32_t end = next + size + (fin ? 1 : 0);
    Fragment* at = send_.locate_unsent(next);
    if (!sent_.push(next, end, fin, at, layer_.stack().now())) return false;
    uint8_t flags = TcpHeader::ack;
    if (last && size > 0) flags |= TcpHeader::psh;
    if (fin) flags |= TcpHeader::fin;
    if (!transmit(flags, next, size, at)) {
        sent_.pop_back();
        layer_.wait_for_memory(*this);
        return false;
    }
    if (flight == 0) timeout_base_ = layer_.stack().now();
    if (size < mss_ || size % mss_ != 0) last_small_ = next + size;
    snd_nxt_ = end;
    fin_sent_ = fin;
    counters_.bytes_sent += size;
    if (phase_ == Phase::Recovery) recovery_sent_ += size;
    quick_acks_ = 0;  // the program answers: acknowledgements can go along
    return true;
}

bool Connection::retransmit(SentSegment& s, uint32_t most) {
    const uint32_t data = s.length() - (s.has_fin ? 1 : 0);
    // What the device cuts, and what is allowed, in whole segments.
    const uint32_t limit = std::max(mss_, std::min(most_payload(), most) / mss_ * mss_);
    if (data > limit && !split(s, s.start + limit)) return false;
    const uint32_t length = s.length() - (s.has_fin ? 1 : 0);
    const uint8_t flags = static_cast<uint8_t>(TcpHeader::ack | (length > 0 ? TcpHeader::psh : 0) | (s.has_fin ? TcpHeader::fin : 0));
    if (repair_timestamp_ == 0) repair_timestamp_ = timestamp();
    if (!transmit(flags, s.start, length, s.at)) {
        layer_.wait_for_memory(*this);
        return false;
    }
    sent_.mark_repaired(s, layer_.stack().now());
    ++counters_.retransmissions;
    counters_.bytes_retransmitted += length;
    undo_repeats_ += s.length();
    if (phase_ == Phase::Recovery) recovery_sent_ += s.length();
    return true;
}

bool Connection::repair() {
    for (SentSegment& s : sent_.segments()) {
        if (!s.lost || s.repair_in_flight) continue;
        const uint32_t flight = sent_.in_flight(), window = congestion_.window();
        return retransmit(s, window > flight ? window - flight : mss_);
    }
    return false;
}

void Connection::output() {
    if (state_ < State::Established || state_ == State::FinWait2) return;
    if (!update_path()) return arm_retransmission();
    Interface& interface = *path_.interface;
    if (sent_.empty() && congestion_.window() > 10 * mss_ && layer_.stack().now() - last_sent_ > backed_off()) congestion_.restart_after_idle();
    bool sent = false;
    for (;;) {
        if (interface.congested()) {
            interface.block(*this);
            break;
        }
        const uint32_t flight = sent_.in_flight(), window = congestion_.window();
        const uint32_t room = window > flight ? window - flight : 0;
        if (sent_.needs_repair()) {
            // Less than a segment is not worth a repair, unless nothing else would happen.
            if ((room < mss_ && flight > 0) || !repair()) break;
        } else if (!send_new(room)) {
            break;
        }
        sent = true;
    }
    if (sent ? retransmit_kind_ != RetransmitKind::Reordering && retransmit_kind_ != RetransmitKind::Timeout
             : retransmit_kind_ == RetransmitKind::None)
        arm_retransmission();
}

void Connection::interface_ready() { output(); }

void Connection::send_ack() {
    if (!update_path() || !transmit(TcpHeader::ack, snd_nxt_, 0, nullptr)) {
        // The peer will ask again; so shall we try.
        ack_at_ = layer_.stack().now() + Duration::milliseconds(40);
        arm(ack_at_);
    }
}

void Connection::schedule_ack(const Segment& segment) {
    constexpr Duration delay = Duration::milliseconds(40);  // RFC 9293 section 3.8.6.3 allows half a second
    const uint32_t waiting = rcv_nxt_ - acked_;
    const bool joined = segment.segment_size != 0 && segment.length > segment.segment_size;
    if (quick_acks_ > 0 || joined || waiting >= 2 * received_mss_) {
        // At least every second full segment (RFC 5681 section 4.2); those of a batch count as one.
        if (quick_acks_ > 0) --quick_acks_;
        ack_now_ = true;
    }
    if (ack_now_) {
        work_ |= work_ack;
        return want_work();
    }
    if (ack_at_ != Instant::never()) return;
    ack_at_ = layer_.stack().now() + delay;
    arm(ack_at_);
}

void Connection::send_reset() {
    if (update_path()) (void)transmit(TcpHeader::rst | TcpHeader::ack, snd_nxt_, 0, nullptr, true);
}

void Connection::send_syn() {
    if (!update_path()) return;
    layer_.send_syn(key, path_, agreed_, state_ == State::SynReceived, rcv_nxt_, settings, static_cast<uint32_t>(receive_limit_), timestamp());
    last_sent_ = layer_.stack().now();
}

}  // namespace eremite::net::tcp

// Urgent data as the BSD interface and Linux have them (RFC 6093): the pointer names what follows the last urgent byte, and that byte
// is kept apart from the stream unless the program wants it inline.
#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net::tcp {

uint32_t Connection::read_up_to() const { return rcv_nxt_ - static_cast<uint32_t>(received_.bytes()) - (peer_finished_ ? 1 : 0); }

void Connection::mark_sent(TcpHeader& header, uint32_t sequence) {
    if (!seq_before(snd_una_, urgent_end_)) urgent_sending_ = false;
    if (!urgent_sending_ || !seq_before(sequence, urgent_end_)) return;
    // One that is too far ahead is told of as far as the field reaches.
    header.flags |= TcpHeader::urg;
    header.urgent = static_cast<uint16_t>(std::min<uint32_t>(urgent_end_ - sequence, 65535));
}

void Connection::receive_mark(const Segment& segment, const Packet& packet) {
    if (segment.has(TcpHeader::urg)) {
        const uint32_t at = segment.sequence + segment.urgent - (segment.urgent != 0 ? 1 : 0);
        const bool news = urgent_ == Urgent::None || seq_before(urgent_at_, at);
        if (news && !seq_before(at, rcv_nxt_)) {
            // An older byte that the program has reached is not to be read as data.
            if (at_mark() && !settings.urgent_inline) consumed(received_.discard(1));
            urgent_ = Urgent::Awaited;
            urgent_at_ = at;
        }
    }
    const uint32_t offset = urgent_at_ - segment.sequence;
    if (urgent_ != Urgent::Awaited || offset >= segment.length) return;
    packet.copy_to(segment.headers + offset, {&urgent_byte_, 1});
    urgent_ = Urgent::Here;
    note(event::readable);
}

size_t Connection::readable_bytes() const {
    const size_t bytes = received_.bytes();
    if (urgent_ == Urgent::None || settings.urgent_inline || seq_before(urgent_at_, read_up_to())) return bytes;
    return std::min<size_t>(bytes, urgent_at_ - read_up_to());
}

size_t Connection::stop_at_mark(size_t& size, bool peek) {
    const uint32_t ahead = urgent_at_ - read_up_to();
    if (seq_before(urgent_at_, read_up_to())) {
        urgent_ = Urgent::None;
    } else if (ahead > 0) {
        size = std::min<size_t>(size, ahead);
    } else if (!settings.urgent_inline && received_.bytes() > 0) {
        if (peek) return 1;
        consumed(received_.discard(1));
        urgent_ = Urgent::None;
    }
    return 0;
}

Result<size_t> Connection::receive_urgent(uint8_t& byte, bool peek) {
    if (settings.urgent_inline || urgent_ == Urgent::None || urgent_ == Urgent::Read) return Error{EINVAL};
    if (urgent_ == Urgent::Here) {
        byte = urgent_byte_;
        if (!peek) urgent_ = Urgent::Read;
        return size_t{1};
    }
    if (state_ == State::Closed || peer_finished_ || read_shut_) return size_t{0};
    return Error{EAGAIN};
}

}  // namespace eremite::net::tcp

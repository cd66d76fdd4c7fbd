#include "libos/socket/inet/error_queue.hpp"

#include "netstack/wire/icmp.hpp"

namespace eremite::socket {

namespace {

// The message that means an error; those of both families are told apart by the address.
void describe(int error, bool v4, sock_extended_err& out) {
    using namespace net;
    out.ee_origin = v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
    out.ee_type = v4 ? icmp4::unreachable : icmp6::unreachable;
    switch (error) {
        case ECONNREFUSED: out.ee_code = v4 ? icmp4::port_unreachable : icmp6::port_unreachable; break;
        case ENETUNREACH: out.ee_code = v4 ? icmp4::net_unreachable : icmp6::no_route; break;
        case EMSGSIZE:
            out.ee_type = v4 ? icmp4::unreachable : icmp6::packet_too_big;
            out.ee_code = v4 ? icmp4::fragmentation_needed : 0;
            break;
        default: out.ee_code = v4 ? icmp4::host_unreachable : icmp6::address_unreachable; break;
    }
}

}  // namespace

void ErrorQueue::add(const Note& note) {
    if (count_ == most) return;
    notes_[(first_ + count_) % most] = note;
    ++count_;
}

void ErrorQueue::add_error(int error, const net::Endpoint& about) {
    Note note{{}, about};
    note.error.ee_errno = static_cast<uint32_t>(error);
    describe(error, about.address.is_v4(), note.error);
    add(note);
}

void ErrorQueue::add_copied() {
    const uint32_t number = next_copied_++;
    if (count_ != 0) {
        sock_extended_err& last = notes_[(first_ + count_ - 1) % most].error;
        if (last.ee_origin == SO_EE_ORIGIN_ZEROCOPY && last.ee_data + 1 == number) {
            last.ee_data = number;
            return;
        }
    }
    Note note;
    note.error.ee_origin = SO_EE_ORIGIN_ZEROCOPY;
    note.error.ee_code = SO_EE_CODE_ZEROCOPY_COPIED;
    note.error.ee_info = note.error.ee_data = number;
    add(note);
}

ErrorQueue::Note ErrorQueue::take() {
    const Note note = notes_[first_];
    first_ = (first_ + 1) % most;
    --count_;
    return note;
}

}  // namespace eremite::socket

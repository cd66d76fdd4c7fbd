#include "vmm/gdb/packet.hpp"

#include "vmm/gdb/hex.hpp"

namespace eremite::vmm::gdb {

namespace {

constexpr char start = '$', end = '#', escape = '}', run_length = '*', interrupt = 3, repeat = '-', escape_mask = 0x20;

}  // namespace

PacketReader::Event PacketReader::take(char byte) {
    switch (state_) {
        case State::Outside:
            if (byte == interrupt) return Event::Interrupt;
            if (byte == repeat) return Event::Repeat;
            break;
        case State::Payload:
            if (byte == end) {
                state_ = State::FirstDigit;
                return Event::None;
            }
            // One that has lost its end: another begins.
            if (byte == start) break;
            sum_ = static_cast<uint8_t>(sum_ + static_cast<uint8_t>(byte));
            if (byte == escape) state_ = State::Escape;
            else append(byte);
            return Event::None;
        case State::Escape:
            sum_ = static_cast<uint8_t>(sum_ + static_cast<uint8_t>(byte));
            append(static_cast<char>(byte ^ escape_mask));
            state_ = State::Payload;
            return Event::None;
        case State::FirstDigit:
            first_digit_ = byte;
            state_ = State::SecondDigit;
            return Event::None;
        case State::SecondDigit: state_ = State::Outside; return finish(byte);
    }
    if (byte == start) {
        state_ = State::Payload;
        payload_.clear();
        too_long_ = false;
        sum_ = 0;
    }
    return Event::None;
}

void PacketReader::append(char byte) {
    if (payload_.size() < longest) payload_.push_back(byte);
    else too_long_ = true;
}

PacketReader::Event PacketReader::finish(char last_digit) {
    const auto high = digit_of(first_digit_), low = digit_of(last_digit);
    return high && low && *high * 16 + *low == sum_ && !too_long_ ? Event::Packet : Event::Damaged;
}

std::string packet_of(std::string_view payload) {
    std::string packet{start};
    uint8_t sum = 0;
    const auto put = [&](char byte) {
        packet.push_back(byte);
        sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(byte));
    };
    for (const char byte : payload) {
        if (byte == start || byte == end || byte == escape || byte == run_length) {
            put(escape);
            put(static_cast<char>(byte ^ escape_mask));
        } else {
            put(byte);
        }
    }
    packet.push_back(end);
    append_hex(packet, sum);
    return packet;
}

}  // namespace eremite::vmm::gdb

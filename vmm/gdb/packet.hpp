#pragma once
// Packets of GDB's remote serial protocol (GDB's manual, appendix E.1 "Overview"): $payload#checksum, with + and - in return until both sides do
// without. The bytes are foreign: a packet that is too long or has a wrong checksum is none.
#include <cstdint>
#include <string>
#include <string_view>

namespace eremite::vmm::gdb {

class PacketReader {
public:
    // Of a payload; what GDB is told that it may send.
    static constexpr size_t longest = 0x4000;

    enum class Event : uint8_t {
        None,       // more bytes are needed
        Packet,     // payload() is one
        Interrupt,  // Ctrl-C was pressed
        Damaged,    // a packet that is to be sent again
        Repeat,     // the other side wants our last packet again
    };

    // Takes one byte.
    [[nodiscard]] Event take(char byte);
    // Of the packet that was complete last; escapes are resolved.
    [[nodiscard]] std::string_view payload() const { return payload_; }

private:
    enum class State : uint8_t { Outside, Payload, Escape, FirstDigit, SecondDigit };
    [[nodiscard]] Event finish(char last_digit);
    void append(char byte);

    State state_ = State::Outside;
    std::string payload_;
    bool too_long_ = false;
    uint8_t sum_ = 0;
    char first_digit_ = 0;
};

// The packet with this payload, in which any byte may stand.
[[nodiscard]] std::string packet_of(std::string_view payload);

}  // namespace eremite::vmm::gdb

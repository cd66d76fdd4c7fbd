#pragma once
// Writes packets as a capture file in the pcapng format (draft-ietf-opsawg-pcapng), which Wireshark and tcpdump read. Checksums that
// a device shall compute are finished in the file; segments that it shall cut stand there as one long packet. Packets without a link
// header get one of zeros, as on Linux's loopback: libpcap reads only files of one kind of link.
#include <array>
#include <span>
#include <string_view>

#include "netstack/phy/capture.hpp"
#include "netstack/stack.hpp"

namespace eremite::net {

class PcapngWriter final : public Capture {
public:
    // The longest piece of a packet that is kept.
    static constexpr uint32_t snap_length = 262'144;

    class Output {
    public:
        virtual void write(std::span<const uint8_t> bytes) = 0;
        // What was written shall reach the file.
        virtual void hand_over() = 0;
        // Nanoseconds since 1970-01-01 UTC.
        [[nodiscard]] virtual uint64_t time() = 0;
        // The name of an interface; its length in place of an end.
        [[nodiscard]] virtual std::string_view name_of(const Interface& interface, std::span<char> memory) = 0;

    protected:
        ~Output() = default;
    };

    // `output` outlives the writer.
    explicit PcapngWriter(Output& output) : output_{output} {}
    // Before the first packet.
    void start();
    // Requires: one call at a time, as does flush().
    void packet(const Interface& interface, const Packet& packet, Direction direction) override;
    void flush() override { output_.hand_over(); }

private:
    void describe(const Interface& interface);
    void put(const Packet& packet, size_t from, size_t to);
    template <typename T>
    void put(const T& value) {
        // SAFETY: it is made of integers, which may be looked at as bytes.
        output_.write({reinterpret_cast<const uint8_t*>(&value), sizeof value});
    }

    Output& output_;
    // Of interfaces by their index: 0 if none of its packets came yet, else one more than its number in the file.
    std::array<uint8_t, Stack::most_interfaces + 1> numbers_{};
    uint8_t described_ = 0;
};

}  // namespace eremite::net

#pragma once
// A stream between a port of the guest and a Unix socket of the host: what is known of both ends, and the bytes that the host has not taken yet.
#include <sys/uio.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "virtio/vsock.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::vsock {

using Header = eremite::virtio::vsock::Header;

// What the guest knows it by.
struct Ports {
    uint32_t guest = 0, host = 0;
    auto operator<=>(const Ports&) const = default;
};

class Connection {
public:
    // Bytes that are kept for a host that does not read.
    static constexpr uint32_t buffer_bytes = 131'072;

    enum class State : uint8_t {
        Greeting,   // the host has not said yet which port it wants
        Requested,  // the guest was asked
        Open,
        Flushing,   // the guest has ended it, and the host has not taken everything
    };
    // What the guest has to be told.
    enum Need : unsigned { request = 1, response = 2, shutdown = 4, credit_update = 8 };
    // What became of a transfer.
    enum class Outcome : uint8_t { Done, Blocked, Ended, Failed };

    explicit Connection(UniqueFd socket) : file{std::move(socket)} {}

    // Reads "CONNECT <port>\n", and not beyond. Nothing: not yet, or with Failed never.
    [[nodiscard]] std::optional<uint32_t> read_greeting(Outcome& outcome);
    // Fills these; `count` is how many bytes came.
    [[nodiscard]] Outcome read(std::span<const iovec> pieces, size_t& count);
    // Hands bytes over, or keeps them until flush(). Requires: there is room for them, by the credit.
    [[nodiscard]] Outcome write(std::span<const iovec> pieces);
    // Hands over what was kept.
    [[nodiscard]] Outcome flush();
    [[nodiscard]] bool flushed() const { return kept_.size() == kept_done_; }
    // Tells the host that no more bytes come, once it has those that were kept.
    void finish_output();
    // Forgets what was kept, and what comes: the host takes nothing any more.
    void drop_output();
    // Answers the host that asked for the stream. Failed: it is gone.
    [[nodiscard]] Outcome say(std::string_view text);

    UniqueFd file;
    State state = State::Greeting;
    Ports ports;
    eremite::virtio::vsock::Credit credit{buffer_bytes};
    unsigned needs = 0;                                                      // Need
    uint32_t guest_shut = 0, host_shut = 0;                                  // VIRTIO_VSOCK_SHUTDOWN_*
    bool readable = true, writable = true, hung_up = false;                  // as far as events told
    bool queued_control = false, queued_data = false;                        // in the device's lists

private:
    void took(size_t bytes);

    std::array<char, 32> greeting_{};
    size_t greeting_size_ = 0;
    std::vector<std::byte> kept_;
    size_t kept_done_ = 0;
    bool output_gone_ = false, finishes_ = false;
};

}  // namespace eremite::vmm::vsock

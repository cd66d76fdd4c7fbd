#pragma once
// What a socket is told of beside its data (MSG_ERRQUEUE of recv(2)): errors that others report (IP_RECVERR of ip(7)), and what became of
// data that were sent with MSG_ZEROCOPY.
#include <time.h>

#include <linux/errqueue.h>

#include <array>

#include "base/result.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::socket {

class ErrorQueue {
public:
    struct Note {
        sock_extended_err error{};
        net::Endpoint about{};  // to whom it was sent
    };

    [[nodiscard]] bool empty() const { return count_ == 0; }
    // An error about what was sent to `about`. Those that find no room are lost, as in Linux.
    void add_error(int error, const net::Endpoint& about);
    // A call with MSG_ZEROCOPY is done, and its data were copied: such calls are counted, and told of together.
    void add_copied();
    // Requires: !empty().
    [[nodiscard]] Note take();

private:
    static constexpr size_t most = 16;
    void add(const Note& note);

    std::array<Note, most> notes_;
    size_t first_ = 0, count_ = 0;
    uint32_t next_copied_ = 0;
};

}  // namespace eremite::socket

#pragma once
// Descriptors that are named anew each time before they are waited for, as for poll(2), behind a single descriptor for an event loop.
#include <cstdint>
#include <unordered_map>

#include "vmm/unique_fd.hpp"

namespace eremite::vmm::net {

class PollSet {
public:
    // Throws Error.
    PollSet();

    // Readable while one of the descriptors has what was asked for.
    [[nodiscard]] int descriptor() const { return epoll_.get(); }

    // Between begin() and end() all are named that are waited for, with their events as for epoll_ctl(2); others are forgotten.
    void begin();
    void add(int fd, uint32_t events) { watches_[fd].wanted |= events; }
    void end();
    // It is going to be closed.
    void forget(int fd);

    // Finds out what came, without waiting; and what of it came for a descriptor. Some may be left for the next time.
    void collect();
    [[nodiscard]] uint32_t events(int fd) const;

private:
    struct Watch {
        uint32_t wanted = 0, registered = 0, came = 0;
    };

    void set(int fd, Watch& watch) const;

    UniqueFd epoll_;
    std::unordered_map<int, Watch> watches_;
};

}  // namespace eremite::vmm::net

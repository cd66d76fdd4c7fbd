#include "vmm/net/poll_set.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "vmm/error.hpp"

namespace eremite::vmm::net {

PollSet::PollSet() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    if (!epoll_) throw system_error("epoll_create1");
}

void PollSet::begin() {
    for (auto& [fd, watch] : watches_) watch.wanted = 0;
}

void PollSet::end() {
    for (auto it = watches_.begin(); it != watches_.end();) {
        auto& [fd, watch] = *it;
        if (watch.wanted != watch.registered) set(fd, watch);
        it = watch.wanted == 0 ? watches_.erase(it) : std::next(it);
    }
}

void PollSet::set(int fd, Watch& watch) const {
    epoll_event event{.events = watch.wanted, .data = {.fd = fd}};
    const bool known = watch.registered != 0;
    watch.registered = watch.wanted;
    if (watch.wanted == 0) {
        (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        return;
    }
    if (::epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0) return;
    // Another one has its number now; or else it is tried again the next time.
    if (errno != ENOENT || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) watch.registered = 0;
}

void PollSet::forget(int fd) {
    if (watches_.erase(fd) != 0) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void PollSet::collect() {
    for (auto& [fd, watch] : watches_) watch.came = 0;
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        if (const auto found = watches_.find(event.data.fd); found != watches_.end()) found->second.came = event.events;
    }
}

uint32_t PollSet::events(int fd) const {
    const auto found = watches_.find(fd);
    return found == watches_.end() ? 0 : found->second.came;
}

}  // namespace eremite::vmm::net

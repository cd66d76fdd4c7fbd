#include "vmm/event_loop.hpp"

#include <sys/eventfd.h>

#include <array>
#include <cerrno>

#include "vmm/error.hpp"

namespace eremite::vmm {

EventLoop::EventLoop() : epoll_{::epoll_create1(EPOLL_CLOEXEC)}, stop_{make_event()} {
    if (!epoll_) throw system_error("epoll_create1");
    add(stop_.get(), EPOLLIN, [](uint32_t) {});
}

void EventLoop::add(int fd, uint32_t events, Handler handler) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    // An event that comes at once finds its handler.
    const std::lock_guard guard{lock_};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw system_error("epoll_ctl");
    handlers_[fd] = std::make_shared<Handler>(std::move(handler));
}

void EventLoop::change(int fd, uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) throw system_error("epoll_ctl");
}

void EventLoop::remove(int fd) {
    const std::lock_guard guard{lock_};
    if (handlers_.erase(fd) != 0) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::add_event(int fd, std::function<void()> handler) {
    add(fd, EPOLLIN, [fd, handler = std::move(handler)](uint32_t) {
        if (take_event(fd)) handler();
    });
}

void EventLoop::handle_events(int timeout) {
    std::array<epoll_event, 16> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    for (int i = 0; i < count; ++i) {
        // A handler before may have removed it; and one that is removed lives until it returns.
        std::shared_ptr<Handler> handler;
        {
            const std::lock_guard guard{lock_};
            const auto found = handlers_.find(events[static_cast<size_t>(i)].data.fd);
            if (found == handlers_.end()) continue;
            handler = found->second;
        }
        (*handler)(events[static_cast<size_t>(i)].events);
    }
}

void EventLoop::run() {
    while (!stopped_.load(std::memory_order_acquire)) handle_events(-1);
}

void EventLoop::run_pending() { handle_events(0); }

void EventLoop::stop() {
    stopped_.store(true, std::memory_order_release);
    signal_event(stop_.get());
}

UniqueFd make_event() {
    UniqueFd event{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (!event) throw system_error("eventfd");
    return event;
}

void signal_event(int fd) {
    // It fails only when the count is at its most, and then the event is there already.
    (void)::eventfd_write(fd, 1);
}

bool take_event(int fd) {
    eventfd_t count = 0;
    return ::eventfd_read(fd, &count) == 0;
}

}  // namespace eremite::vmm

#pragma once
// Waits for descriptors and calls whom they concern. A device has a loop, and a thread that runs it, for itself.
#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "vmm/unique_fd.hpp"

namespace eremite::vmm {

class EventLoop {
public:
    // Gets the events of epoll_ctl(2) that came.
    using Handler = std::function<void(uint32_t events)>;

    EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // Calls `handler` in the loop's thread while one of `events` is there. The descriptor stays the caller's, and must be removed before it is
    // closed. Any thread may add, change and remove; of one that was removed by another thread a last call may still come or be under way. Throws
    // Error.
    void add(int fd, uint32_t events, Handler handler);
    void change(int fd, uint32_t events);
    void remove(int fd);
    // The same for an event descriptor (eventfd(2)), whose count is taken before.
    void add_event(int fd, std::function<void()> handler);

    // Returns after stop(), which any thread may call, also before.
    void run();
    void stop();
    // Calls the handlers of what is there now, and does not wait: for who has no thread for the loop.
    void run_pending();

private:
    void handle_events(int timeout);

    UniqueFd epoll_, stop_;
    std::mutex lock_;  // of handlers_; no handler is called under it
    std::unordered_map<int, std::shared_ptr<Handler>> handlers_;
    std::atomic<bool> stopped_{false};
};

// An event descriptor that does not block. Throws Error.
[[nodiscard]] UniqueFd make_event();
// Adds one to it.
void signal_event(int fd);
// Takes the count. False: it was 0.
bool take_event(int fd);

}  // namespace eremite::vmm

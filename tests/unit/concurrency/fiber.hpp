#pragma once
// A stack to run on, which ThreadSanitizer knows as a thread of its own.
#include <ucontext.h>

#include <functional>
#include <memory>

namespace eremite::test {

class Fiber {
public:
    // What runs on the calling host thread.
    Fiber();
    // Will begin with entry(), which must not return. The stack may have been another fiber's.
    explicit Fiber(std::function<void()> entry);
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    // Requires: it is not running.
    ~Fiber();

    // Goes on with `to` on this host thread; returns when somebody switches back, maybe on another one.
    void switch_to(Fiber& to);

private:
    static void start(unsigned high, unsigned low);

    ucontext_t context_{};
    void* const known_as_;
    void* stack_ = nullptr;  // null: the host's
    std::function<void()> entry_;
};

}  // namespace eremite::test

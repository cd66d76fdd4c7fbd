#pragma once
// An IoEngine of a few threads that each do one operation at a time, for kernels without io_uring.
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "vmm/block/io_engine.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::block {

class ThreadEngine final : public IoEngine {
public:
    explicit ThreadEngine(int file);
    ~ThreadEngine() override;

    void start() override;
    void submit(uint32_t slot, const Operation& operation) override;
    void kick() override {}
    [[nodiscard]] int event() const override { return event_.get(); }
    [[nodiscard]] bool take(Outcome& outcome) override;
    void wait() override;

private:
    struct Job {
        uint32_t slot;
        Operation operation;
    };
    void work();

    const int file_;
    UniqueFd event_;
    std::mutex lock_;  // of all below but the threads
    std::condition_variable wanted_, finished_;
    std::deque<Job> jobs_;
    std::deque<Outcome> done_;
    bool stopping_ = false;
    std::array<std::thread, 4> threads_;
};

// Does it now, in this thread. Returns as Outcome::result.
[[nodiscard]] int64_t perform(int file, const Operation& operation);

}  // namespace eremite::vmm::block

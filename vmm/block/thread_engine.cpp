#include "vmm/block/thread_engine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/event_loop.hpp"

namespace eremite::vmm::block {

int64_t perform(int file, const Operation& operation) {
    const auto at = static_cast<off_t>(operation.offset), length = static_cast<off_t>(operation.length);
    const auto pieces = static_cast<int>(operation.memory.size());
    int64_t result = -1;
    switch (operation.kind) {
        case Operation::Kind::Read: result = ::preadv(file, operation.memory.data(), pieces, at); break;
        case Operation::Kind::Write: result = ::pwritev2(file, operation.memory.data(), pieces, at, operation.durable ? RWF_DSYNC : 0); break;
        case Operation::Kind::Sync: result = ::fdatasync(file); break;
        case Operation::Kind::Punch: result = ::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length); break;
        case Operation::Kind::Zero: result = ::fallocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, at, length); break;
    }
    return result >= 0 ? result : -errno;
}

ThreadEngine::ThreadEngine(int file) : file_{file}, event_{make_event()} {}

void ThreadEngine::start() {
    for (std::thread& thread : threads_) thread = std::thread{[this] { work(); }};
}

ThreadEngine::~ThreadEngine() {
    {
        const std::lock_guard guard{lock_};
        stopping_ = true;
    }
    wanted_.notify_all();
    for (std::thread& thread : threads_)
        if (thread.joinable()) thread.join();
}

void ThreadEngine::submit(uint32_t slot, const Operation& operation) {
    {
        const std::lock_guard guard{lock_};
        jobs_.push_back({slot, operation});
    }
    wanted_.notify_one();
}

bool ThreadEngine::take(Outcome& outcome) {
    const std::lock_guard guard{lock_};
    if (done_.empty()) return false;
    outcome = done_.front();
    done_.pop_front();
    return true;
}

void ThreadEngine::wait() {
    std::unique_lock guard{lock_};
    finished_.wait(guard, [this] { return !done_.empty(); });
}

void ThreadEngine::work() {
    std::unique_lock guard{lock_};
    for (;;) {
        wanted_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        const Job job = jobs_.front();
        jobs_.pop_front();
        guard.unlock();
        const int64_t result = perform(file_, job.operation);
        guard.lock();
        done_.push_back({job.slot, result});
        finished_.notify_one();
        signal_event(event_.get());
    }
}

}  // namespace eremite::vmm::block

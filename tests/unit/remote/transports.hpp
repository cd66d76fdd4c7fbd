#pragma once
// Transports to a server within the test: one that has answered when submit() returns, and one with threads of its own, which
// answers when it pleases.
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "libos/fs/remote/transport.hpp"

namespace eremite::test {

using Answer = std::function<std::vector<uint8_t>(const std::vector<uint8_t>&)>;

class TestTransport : public fs::remote::Transport {
public:
    explicit TestTransport(Answer answer, Limits limits = {32, 19}) : answer_{std::move(answer)}, limits_{limits} {}
    [[nodiscard]] Limits limits() const override { return limits_; }
    std::atomic<bool> broken{false};

protected:
    // Answers one message and says that it is done.
    void serve(Message& message) {
        std::vector<uint8_t> request;
        for (const auto& segment : message.request) request.insert(request.end(), segment.begin(), segment.end());
        const std::vector<uint8_t> reply = answer_(request);
        size_t at = 0;
        for (const auto& segment : message.reply) {
            const size_t piece = std::min(segment.size(), reply.size() - at);
            if (piece > 0) std::memcpy(segment.data(), reply.data() + at, piece);
            at += piece;
        }
        message.done(message, at, 0);
    }

private:
    Answer answer_;
    Limits limits_;
};

class InlineTransport final : public TestTransport {
public:
    using TestTransport::TestTransport;
    Result<void> submit(Message& message) override {
        if (broken) return Error{EIO};
        serve(message);
        return {};
    }
};

class ThreadedTransport final : public TestTransport {
public:
    explicit ThreadedTransport(Answer answer, Limits limits = {32, 19}, int threads = 3) : TestTransport{std::move(answer), limits} {
        for (int i = 0; i < threads; ++i) workers_.emplace_back([this, i] { work(static_cast<unsigned>(i)); });
    }
    ~ThreadedTransport() {
        {
            const std::lock_guard guard{mutex_};
            ended_ = true;
        }
        changed_.notify_all();
        for (std::thread& worker : workers_) worker.join();
    }
    Result<void> submit(Message& message) override {
        const std::lock_guard guard{mutex_};
        if (broken) return Error{EIO};
        queue_.push_back(&message);
        under_way_ = std::max(under_way_, queue_.size());
        changed_.notify_one();
        return {};
    }
    // Whatever is under way fails, and everything from now on.
    void break_down() {
        std::deque<Message*> abandoned;
        {
            const std::lock_guard guard{mutex_};
            broken = true;
            abandoned.swap(queue_);
        }
        for (Message* message : abandoned) message->done(*message, 0, EIO);
    }
    // Waits until all that was submitted is done.
    void drain() {
        std::unique_lock guard{mutex_};
        changed_.wait(guard, [&] { return queue_.empty() && serving_ == 0; });
    }
    // Messages that waited at once, at most.
    size_t most_under_way() {
        const std::lock_guard guard{mutex_};
        return under_way_;
    }

private:
    void work(unsigned seed) {
        std::mt19937 random{seed};
        std::unique_lock guard{mutex_};
        for (;;) {
            changed_.wait(guard, [&] { return ended_ || !queue_.empty(); });
            if (queue_.empty()) return;
            // Not in order.
            const auto chosen = queue_.begin() + static_cast<long>(random() % queue_.size());
            Message* const message = *chosen;
            queue_.erase(chosen);
            ++serving_;
            guard.unlock();
            serve(*message);
            guard.lock();
            if (--serving_ == 0) changed_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Message*> queue_;
    size_t under_way_ = 0;
    int serving_ = 0;
    bool ended_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace eremite::test

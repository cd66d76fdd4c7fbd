#pragma once
// An IoEngine by io_uring(7), with its system calls themselves: what is needed of it is little.
#include <linux/io_uring.h>

#include <deque>

#include "vmm/block/io_engine.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::block {

class UringEngine final : public IoEngine {
public:
    // Null: the kernel has no io_uring, none that can do all of it, or forbids it. Throws Error: no event descriptor.
    [[nodiscard]] static std::unique_ptr<UringEngine> make(int file, uint32_t depth);
    UringEngine(const UringEngine&) = delete;
    UringEngine& operator=(const UringEngine&) = delete;
    ~UringEngine() override;

    void submit(uint32_t slot, const Operation& operation) override;
    void kick() override;
    [[nodiscard]] int event() const override { return event_.get(); }
    [[nodiscard]] bool take(Outcome& outcome) override;
    void wait() override;

private:
    explicit UringEngine(int file) : file_{file} {}
    [[nodiscard]] bool set_up(uint32_t depth);
    [[nodiscard]] bool map(const io_uring_params& params);
    [[nodiscard]] bool has_operations() const;

    const int file_;
    UniqueFd ring_, event_;
    // What is shared with the kernel: one piece with both rings, one with the entries for submission.
    std::span<std::byte> rings_, entries_;
    unsigned *submit_head_ = nullptr, *submit_tail_ = nullptr, *done_head_ = nullptr, *done_tail_ = nullptr;
    io_uring_cqe* done_ = nullptr;
    unsigned submit_mask_ = 0, done_mask_ = 0;
    unsigned tail_ = 0;  // of submission, with what the kernel was not told of yet
    // Those that the kernel did not take.
    std::deque<Outcome> refused_;
};

}  // namespace eremite::vmm::block

#pragma once
// CUBIC congestion control (RFC 9438), with slow start and the reactions of RFC 5681. All windows are in bytes.
#include "base/time.hpp"

namespace eremite::net::tcp {

class Cubic {
public:
    static constexpr uint32_t unlimited = 0x7fff'ffff;

    // RFC 6928 section 2.
    void start(uint32_t mss);
    void set_mss(uint32_t mss) { mss_ = mss; }
    // `bytes` arrived for the first time while nothing was being repaired and the window limited us.
    void acknowledged(uint32_t bytes, Instant now, Duration smallest_rtt);
    // A loss or a mark: the slow start threshold sinks (section 4.6). The window itself is the business of recovery.
    void reduce();
    // Back to what it was before the last reduce(), which was a mistake.
    void undo();
    // Nothing was sent for a while (RFC 5681 section 4.1).
    void restart_after_idle();

    [[nodiscard]] uint32_t window() const { return window_; }
    void set_window(uint32_t window) { window_ = window < mss_ ? mss_ : window; }
    [[nodiscard]] uint32_t threshold() const { return threshold_; }
    [[nodiscard]] bool in_slow_start() const { return window_ < threshold_; }

private:
    [[nodiscard]] uint32_t initial_window() const;
    [[nodiscard]] uint64_t cubic_window(int64_t milliseconds) const;
    void start_epoch(Instant now);

    uint32_t mss_ = 536;
    uint32_t window_ = 0;
    uint32_t threshold_ = unlimited;
    uint32_t w_max_ = 0;       // the window before the last reduction
    uint32_t w_estimate_ = 0;  // what Reno would have (section 4.3)
    uint64_t estimate_credit_ = 0;
    uint64_t credit_ = 0;      // acknowledged bytes times growth that made no whole byte yet
    int64_t k_ = 0;            // milliseconds from the start of the epoch to w_max
    uint32_t epoch_window_ = 0;
    bool in_epoch_ = false;
    Instant epoch_start_{};
    struct {
        uint32_t window = 0, threshold = 0, w_max = 0;
    } before_{};
};

}  // namespace eremite::net::tcp

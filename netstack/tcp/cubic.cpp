#include "netstack/tcp/cubic.hpp"

#include <algorithm>
#include <bit>

namespace eremite::net::tcp {

namespace {

// The largest integer whose cube is not above `value`.
uint64_t cube_root(uint64_t value) {
    uint64_t root = 0;
    for (int shift = 63; shift >= 0; shift -= 3) {
        root <<= 1;
        const uint64_t cube = 3 * root * (root + 1) + 1;
        if ((value >> shift) >= cube) {
            value -= cube << shift;
            ++root;
        }
    }
    return root;
}

constexpr int64_t longest_epoch = 100'000;  // milliseconds; keeps the cube within 64 bits

}  // namespace

uint32_t Cubic::initial_window() const { return std::min(10 * mss_, std::max(2 * mss_, uint32_t{14600})); }

void Cubic::start(uint32_t mss) {
    mss_ = mss;
    window_ = initial_window();
}

// W_cubic(t) = C (t - K)^3 + W_max with C = 0.4 segments per cubic second (equation 1).
uint64_t Cubic::cubic_window(int64_t milliseconds) const {
    const int64_t t = std::clamp(milliseconds - k_, -longest_epoch, longest_epoch);
    const auto distance = static_cast<uint64_t>(t < 0 ? -t : t);
    const uint64_t offset = distance * distance * distance / 100'000 * 4 * mss_ / 100'000;
    if (t < 0) return offset >= w_max_ ? 0 : w_max_ - offset;
    return w_max_ + offset;
}

void Cubic::start_epoch(Instant now) {
    in_epoch_ = true;
    epoch_start_ = now;
    epoch_window_ = window_;
    w_estimate_ = window_;
    credit_ = estimate_credit_ = 0;
    // K = cube root of (W_max - cwnd_epoch) / C (equation 2).
    if (window_ >= w_max_) {
        w_max_ = window_;
        k_ = 0;
    } else {
        k_ = static_cast<int64_t>(cube_root(uint64_t{w_max_ - window_} * 2'500'000'000 / mss_));
    }
}

void Cubic::acknowledged(uint32_t bytes, Instant now, Duration smallest_rtt) {
    if (in_slow_start()) {
        const uint32_t growth = std::min(bytes, threshold_ - window_);
        window_ = std::min(window_ + growth, unlimited);
        bytes -= growth;
        if (bytes == 0) return;
    }
    if (!in_epoch_) start_epoch(now);
    // The estimate of what Reno would have, with alpha = 3 (1 - beta) / (1 + beta) until it was where it came from (section 4.3).
    const bool before_maximum = w_estimate_ < w_max_;
    estimate_credit_ += uint64_t{bytes} * mss_ * (before_maximum ? 9 : 17);
    const uint64_t unit = uint64_t{window_} * 17;
    w_estimate_ += static_cast<uint32_t>(estimate_credit_ / unit);
    estimate_credit_ %= unit;
    const int64_t t = (now - epoch_start_).ns / 1'000'000;
    if (cubic_window(t) < w_estimate_) {
        window_ = std::min(std::max(window_, w_estimate_), unlimited);
        return;
    }
    // The target is what the curve is one round trip later, but no more than half as much again (section 4.2).
    const uint64_t ahead = cubic_window(t + smallest_rtt.ns / 1'000'000);
    const uint64_t target = std::clamp<uint64_t>(ahead, window_, window_ + window_ / 2);
    credit_ += bytes * (target - window_);
    const uint64_t growth = credit_ / window_;
    credit_ %= window_;
    window_ = static_cast<uint32_t>(std::min<uint64_t>(window_ + growth, unlimited));
}

void Cubic::reduce() {
    before_ = {window_, threshold_, w_max_};
    // Fast convergence (section 4.7): a flow that has less than before leaves room for others.
    w_max_ = window_ < w_max_ ? static_cast<uint32_t>(uint64_t{window_} * 17 / 20) : window_;
    threshold_ = std::max(static_cast<uint32_t>(uint64_t{window_} * 7 / 10), 2 * mss_);
    in_epoch_ = false;
}

void Cubic::undo() {
    window_ = std::max(window_, before_.window);
    threshold_ = before_.threshold;
    w_max_ = before_.w_max;
    in_epoch_ = false;
}

void Cubic::restart_after_idle() {
    window_ = std::min(window_, initial_window());
    in_epoch_ = false;
}

}  // namespace eremite::net::tcp

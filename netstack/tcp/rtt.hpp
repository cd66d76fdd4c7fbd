#pragma once
// The retransmission timeout from measured round trips (RFC 6298), and the smallest of them.
#include <algorithm>

#include "base/time.hpp"

namespace eremite::net::tcp {

class RttEstimator {
public:
    // RFC 6298 section 2 asks for a second; everybody takes a fifth, which fits today's clocks and delayed acknowledgements.
    static constexpr Duration least = Duration::milliseconds(200), most = Duration::seconds(120), initial = Duration::seconds(1);

    void add(Duration sample, Instant now) {
        sample.ns = std::max<int64_t>(sample.ns, 1000);
        if (smoothed_.ns == 0) {
            smoothed_ = sample;
            variance_.ns = sample.ns / 2;
        } else {
            const int64_t error = sample.ns - smoothed_.ns;
            variance_.ns += ((error < 0 ? -error : error) - variance_.ns) / 4;
            smoothed_.ns += error / 8;
        }
        // The smallest of some minutes: paths change.
        if (smallest_.ns == 0 || sample <= smallest_ || now - smallest_at_ > Duration::seconds(300)) {
            smallest_ = sample;
            smallest_at_ = now;
        }
    }
    [[nodiscard]] bool measured() const { return smoothed_.ns != 0; }
    [[nodiscard]] Duration smoothed() const { return smoothed_; }
    [[nodiscard]] Duration variance() const { return variance_; }
    [[nodiscard]] Duration smallest() const { return smallest_; }
    // Without backing off.
    [[nodiscard]] Duration timeout() const {
        if (!measured()) return initial;
        return std::clamp(Duration{smoothed_.ns + std::max<int64_t>(4 * variance_.ns, least.ns)}, least, most);
    }

private:
    Duration smoothed_{}, variance_{}, smallest_{};
    Instant smallest_at_{};
};

}  // namespace eremite::net::tcp

#pragma once
// The CMOS real-time clock (Motorola MC146818 data sheet).
#include <cstdint>
#include <optional>

namespace eremite::platform {

// Seconds since 1970-01-01 UTC, taking the clock to run in UTC. Nothing when no clock answers.
[[nodiscard]] std::optional<int64_t> read_cmos_clock();

// Days since 1970-01-01 of a date of the Gregorian calendar. Host-testable.
[[nodiscard]] constexpr int64_t days_from_date(int64_t year, unsigned month, unsigned day) {
    // Counted in years that start in March, so that the leap day is a year's last.
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}
static_assert(days_from_date(1970, 1, 1) == 0);
static_assert(days_from_date(2000, 3, 1) == 11017);

}  // namespace eremite::platform

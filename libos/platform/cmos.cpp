#include "libos/platform/cmos.hpp"

#include "libos/arch/supervisor.hpp"

namespace eremite::platform {

namespace {

constexpr uint16_t index_port = 0x70, data_port = 0x71;
enum Register : uint8_t { Seconds = 0, Minutes = 2, Hours = 4, Day = 7, Month = 8, Year = 9, StatusA = 10, StatusB = 11, Century = 0x32 };

uint8_t read(uint8_t index) {
    arch::port_out(index_port, 1, index);
    return static_cast<uint8_t>(arch::port_in(data_port, 1));
}

struct Time {
    uint8_t seconds, minutes, hours, day, month, year, century;
    bool operator==(const Time&) const = default;
};

Time read_time() { return {read(Seconds), read(Minutes), read(Hours), read(Day), read(Month), read(Year), read(Century)}; }

// Two equal readings, none of them while the clock counted on: then the registers are undefined. Nothing when the clock
// never comes to rest.
std::optional<Time> read_stable_time() {
    constexpr uint8_t update_in_progress = 0x80;
    unsigned waits = 10'000;  // port accesses; an update takes 2 ms
    unsigned readings = 20;
    std::optional<Time> last;
    while (waits > 0 && readings > 0) {
        if (read(StatusA) & update_in_progress) {
            --waits;
            continue;
        }
        const Time time = read_time();
        if (last == time) return time;
        last = time;
        --readings;
    }
    return std::nullopt;
}

// Above 99 for what is no number.
unsigned from_bcd(uint8_t v) { return (v & 15) > 9 || v > 0x99 ? 0xff : (v >> 4) * 10u + (v & 15u); }

}  // namespace

std::optional<int64_t> read_cmos_clock() {
    if (read(StatusB) == 0xff) return std::nullopt;  // a bus with nobody on it
    const auto stable = read_stable_time();
    if (!stable) return std::nullopt;
    const Time& time = *stable;
    const uint8_t mode = read(StatusB);
    const bool binary = mode & 4;
    const bool twenty_four_hours = mode & 2;
    const auto value = [binary](uint8_t v) { return binary ? unsigned{v} : from_bcd(v); };
    unsigned hours = value(time.hours & 0x7f);
    if (!twenty_four_hours) {
        if (hours < 1 || hours > 12) return std::nullopt;
        hours = hours % 12 + (time.hours & 0x80 ? 12 : 0);
    }
    const unsigned seconds = value(time.seconds), minutes = value(time.minutes), day = value(time.day), month = value(time.month);
    // No leap seconds here: 60 is as much nonsense as 99.
    if (seconds > 59 || minutes > 59 || hours > 23 || day < 1 || day > 31 || month < 1 || month > 12 || value(time.year) > 99) return std::nullopt;
    const unsigned century = value(time.century);
    const int64_t year = (century >= 19 && century <= 21 ? century : 20) * 100 + value(time.year);
    return days_from_date(year, month, day) * 86400 + hours * 3600 + minutes * 60 + seconds;
}

}  // namespace eremite::platform

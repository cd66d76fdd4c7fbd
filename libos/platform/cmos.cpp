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

unsigned from_bcd(uint8_t v) { return (v >> 4) * 10u + (v & 15u); }

}  // namespace

std::optional<int64_t> read_cmos_clock() {
    if (read(StatusB) == 0xff) return std::nullopt;  // a bus with nobody on it
    // An update may run between the registers: read until two readings agree.
    Time time = read_time();
    for (int attempt = 0; attempt < 100; ++attempt) {
        const Time again = read_time();
        if (again == time) break;
        time = again;
    }
    const uint8_t mode = read(StatusB);
    const bool binary = mode & 4;
    const bool twenty_four_hours = mode & 2;
    const auto value = [binary](uint8_t v) { return binary ? unsigned{v} : from_bcd(v); };
    unsigned hours = value(time.hours & 0x7f);
    if (!twenty_four_hours) hours = hours % 12 + (time.hours & 0x80 ? 12 : 0);
    const unsigned century = value(time.century);
    const int64_t year = (century >= 19 && century <= 21 ? century : 20) * 100 + value(time.year);
    if (value(time.month) < 1 || value(time.month) > 12 || value(time.day) < 1 || value(time.day) > 31) return std::nullopt;
    return days_from_date(year, value(time.month), value(time.day)) * 86400 + hours * 3600 + value(time.minutes) * 60 + value(time.seconds);
}

}  // namespace eremite::platform

#include "vmm/platform/cmos.hpp"

#include <algorithm>
#include <chrono>

namespace eremite::vmm {

namespace {

enum Index : uint8_t { Seconds = 0, Minutes = 2, Hours = 4, WeekDay = 6, Day = 7, Month = 8, Year = 9, StatusA = 10, StatusB = 11, StatusD = 13, Century = 0x32 };
constexpr uint8_t usual_rate = 0x26, binary_and_24_hours = 6, battery_is_good = 0x80;

uint8_t value_of(uint8_t index) {
    // Not by the C library, which reads the time zone's file even for this.
    using namespace std::chrono;
    const auto now = floor<seconds>(system_clock::now());
    const auto today = floor<days>(now);
    const year_month_day date{today};
    const hh_mm_ss time{now - today};
    const auto byte = [](auto value) { return static_cast<uint8_t>(value); };
    const int year = static_cast<int>(date.year());
    switch (index) {
        case Seconds: return byte(time.seconds().count());
        case Minutes: return byte(time.minutes().count());
        case Hours: return byte(time.hours().count());
        case WeekDay: return byte(weekday{today}.c_encoding() + 1);
        case Day: return byte(static_cast<unsigned>(date.day()));
        case Month: return byte(static_cast<unsigned>(date.month()));
        case Year: return byte(year % 100);
        case Century: return byte(year / 100);
        case StatusA: return usual_rate;
        case StatusB: return binary_and_24_hours;
        case StatusD: return battery_is_good;
        default: return 0;
    }
}

}  // namespace

void Cmos::read(uint64_t offset, std::span<std::byte> data) {
    std::fill(data.begin(), data.end(), std::byte{0xff});
    if (offset == 1 && !data.empty()) data[0] = std::byte{value_of(index_.load(std::memory_order_relaxed) & 0x7f)};
}

void Cmos::write(uint64_t offset, std::span<const std::byte> data) {
    if (offset == 0 && !data.empty()) index_.store(std::to_integer<uint8_t>(data[0]), std::memory_order_relaxed);
}

}  // namespace eremite::vmm

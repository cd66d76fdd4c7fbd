#include "libos/platform/cmos.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "ports.hpp"

namespace eremite::test {
namespace {

using platform::days_from_date;
using platform::read_cmos_clock;

// A clock chip behind its index and data ports.
class Chip {
public:
    Chip() {
        ports_[0x70].out = [this](unsigned, uint32_t value) { index_ = static_cast<uint8_t>(value); };
        ports_[0x71].in = [this](unsigned) { return read(); };
        registers_[10] = 0x26;
        registers_[11] = twenty_four_hours;
    }
    static constexpr uint8_t twenty_four_hours = 2, binary = 4, afternoon = 0x80;
    uint8_t& operator[](uint8_t index) { return registers_[index]; }
    // Date and time in the chip's own representation.
    void set(unsigned year, unsigned month, unsigned day, unsigned hours, unsigned minutes, unsigned seconds) {
        const auto stored = [&](unsigned v) { return static_cast<uint8_t>(registers_[11] & binary ? v : v / 10 * 16 + v % 10); };
        registers_[0] = stored(seconds);
        registers_[2] = stored(minutes);
        if (registers_[11] & twenty_four_hours) registers_[4] = stored(hours);
        else registers_[4] = static_cast<uint8_t>(stored((hours + 11) % 12 + 1) | (hours >= 12 ? afternoon : 0));
        registers_[7] = stored(day);
        registers_[8] = stored(month);
        registers_[9] = stored(year % 100);
        registers_[0x32] = stored(year / 100);
    }
    // Called before each read of a register.
    std::function<void(uint8_t index)> before_read = [](uint8_t) {};
    [[nodiscard]] uint64_t reads() const { return ports_.reads(); }

private:
    uint32_t read() {
        before_read(index_);
        return registers_[index_];
    }
    Ports ports_;
    uint8_t registers_[256]{};
    uint8_t index_ = 0;
};

int64_t seconds_of(int year, int month, int day, int hours, int minutes, int seconds) {
    std::tm tm{};
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    tm.tm_hour = hours;
    tm.tm_min = minutes;
    tm.tm_sec = seconds;
    return timegm(&tm);
}

TEST(DaysFromDate, AgreesWithTheCLibrary) {
    // Each day of 1600 to 2400, by the day's number.
    for (int64_t day = days_from_date(1600, 1, 1); day <= days_from_date(2400, 12, 31); ++day) {
        const std::time_t time = day * 86400;
        std::tm tm{};
        ASSERT_NE(gmtime_r(&time, &tm), nullptr);
        ASSERT_EQ(days_from_date(tm.tm_year + 1900, static_cast<unsigned>(tm.tm_mon + 1), static_cast<unsigned>(tm.tm_mday)), day);
    }
}

TEST(DaysFromDate, YearsBeforeTheEra) {
    EXPECT_EQ(days_from_date(0, 3, 1), -719468);
    EXPECT_EQ(days_from_date(0, 2, 29), -719469);
    EXPECT_EQ(days_from_date(-400, 3, 1), -719468 - 146097);
}

TEST(CmosClock, EveryRepresentation) {
    for (const uint8_t mode : {0, 2, 4, 6}) {
        Chip chip;
        chip[11] = mode;
        for (int hours = 0; hours < 24; ++hours) {
            chip.set(2026, 11, 21, static_cast<unsigned>(hours), 59, 38);
            EXPECT_EQ(read_cmos_clock(), seconds_of(2026, 11, 21, hours, 59, 38)) << "mode " << int{mode} << " hours " << hours;
        }
    }
}

TEST(CmosClock, Centuries) {
    Chip chip;
    for (const int year : {1999, 2000, 2038, 2099, 2100, 2106}) {
        chip.set(static_cast<unsigned>(year), 2, 28, 23, 59, 59);
        EXPECT_EQ(read_cmos_clock(), seconds_of(year, 2, 28, 23, 59, 59));
    }
    // A chip without that register.
    for (const uint8_t century : {0x00, 0xff, 0x18, 0x22, 0x55}) {
        chip.set(2026, 1, 2, 3, 4, 5);
        chip[0x32] = century;
        EXPECT_EQ(read_cmos_clock(), seconds_of(2026, 1, 2, 3, 4, 5)) << int{century};
    }
}

TEST(CmosClock, NobodyAnswers) {
    Ports ports;
    EXPECT_FALSE(read_cmos_clock());
    EXPECT_LT(ports.reads(), 10u);
}

TEST(CmosClock, WaitsForAnUpdateToEnd) {
    Chip chip;
    chip.set(2026, 12, 31, 23, 59, 59);
    int updating = 0;
    // An update starts in the midst of the first reading and goes through undefined values.
    int reads = 0;
    chip.before_read = [&](uint8_t index) {
        if (++reads == 4) {
            chip[10] = 0xa6;
            updating = 5;
            chip[0] = 0x77;
        }
        if (index == 10 && updating > 0 && --updating == 0) {
            chip[10] = 0x26;
            chip.set(2027, 1, 1, 0, 0, 0);
        }
    };
    EXPECT_EQ(read_cmos_clock(), seconds_of(2027, 1, 1, 0, 0, 0));
}

TEST(CmosClock, GivesUp) {
    Chip always_updating;
    always_updating.set(2026, 1, 1, 0, 0, 0);
    always_updating[10] = 0x80;
    EXPECT_FALSE(read_cmos_clock());
    EXPECT_LT(always_updating.reads(), 100'000u);
}

TEST(CmosClock, GivesUpOnAClockThatRaces) {
    Chip racing;
    racing.set(2026, 1, 1, 0, 0, 0);
    racing.before_read = [&](uint8_t index) {
        if (index == 0) racing[0] = static_cast<uint8_t>((racing[0] + 1) & 7);
    };
    EXPECT_FALSE(read_cmos_clock());
    EXPECT_LT(racing.reads(), 1000u);
}

TEST(CmosClock, RefusesNonsense) {
    const std::pair<uint8_t, uint8_t> wrong[] = {{0, 0x60}, {0, 0x1a}, {0, 0xa0}, {2, 0x60}, {4, 0x24}, {7, 0}, {7, 0x32}, {8, 0}, {8, 0x13}, {9, 0xa0}, {9, 0xff}};
    for (const auto& [index, value] : wrong) {
        Chip chip;
        chip.set(2026, 6, 15, 12, 30, 30);
        ASSERT_TRUE(read_cmos_clock());
        chip[index] = value;
        EXPECT_FALSE(read_cmos_clock()) << int{index} << " " << int{value};
    }
    Chip twelve_hours;
    twelve_hours[11] = 0;
    twelve_hours.set(2026, 6, 15, 12, 30, 30);
    ASSERT_TRUE(read_cmos_clock());
    for (const uint8_t hours : {0x00, 0x80, 0x13, 0x93}) {
        twelve_hours[4] = hours;
        EXPECT_FALSE(read_cmos_clock()) << int{hours};
    }
}

}  // namespace
}  // namespace eremite::test

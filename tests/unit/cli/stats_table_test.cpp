#include "cli/stats_table.hpp"

#include <gtest/gtest.h>

namespace eremite::cli {
namespace {

TEST(StatsTable, SplitsTheTime) {
    SessionEnd end;
    end.report.feed(
        "stat tsc_khz 1000000\nstat boot.entry_tsc 5000000\nstat boot.main_tsc 7000000\nstat boot.exit_tsc 17000000\nstat memory.total "
        "8388608\n");
    end.until_exit_report = std::chrono::milliseconds{50};
    end.until_end = std::chrono::milliseconds{60};
    const std::string table = format_stats(end);
    EXPECT_NE(table.find("VMM start to image entry  38.000 ms\n"), std::string::npos) << table;
    EXPECT_NE(table.find("image entry to main       2.000 ms\n"), std::string::npos) << table;
    EXPECT_NE(table.find("main to exit              10.000 ms\n"), std::string::npos) << table;
    EXPECT_NE(table.find("VMM start to its end      60.000 ms\n"), std::string::npos) << table;
    EXPECT_NE(table.find("memory.total              8388608 (8 MiB)\n"), std::string::npos) << table;
}

TEST(StatsTable, DoesWithoutTimeStamps) {
    for (const char* const lines : {"", "stat tsc_khz 0\nstat boot.entry_tsc 1\nstat boot.exit_tsc 2\n",
                                    "stat tsc_khz 1\nstat boot.entry_tsc 3\nstat boot.exit_tsc 2\n"}) {
        SessionEnd end;
        end.report.feed(lines);
        const std::string table = format_stats(end);
        EXPECT_EQ(table.find("image entry"), std::string::npos);
        EXPECT_NE(table.find("VMM start to exit"), std::string::npos);
    }
}

}  // namespace
}  // namespace eremite::cli

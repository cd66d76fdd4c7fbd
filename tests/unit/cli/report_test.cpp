#include "cli/report.hpp"

#include <gtest/gtest.h>

namespace eremite::cli {
namespace {

TEST(Report, UnderstandsEveryLine) {
    Report report;
    report.feed(
        "stat boot.main_tsc 123\nfault 11 deadbeef\nregister rip 401000\nregister rsp 7fff0\nbias 0\nstack 7fff0 00ff10\nexit 139\n");
    EXPECT_EQ(report.stat("boot.main_tsc"), 123);
    EXPECT_FALSE(report.stat("other"));
    ASSERT_TRUE(report.fault);
    EXPECT_EQ(report.fault->signal, 11);
    EXPECT_EQ(report.fault->address, 0xdeadbeef);
    EXPECT_EQ(report.registers.at("rip"), 0x401000);
    ASSERT_EQ(report.stack.size(), 1);
    EXPECT_EQ(report.stack[0].address, 0x7fff0);
    EXPECT_EQ(report.stack[0].bytes, std::string("\x00\xff\x10", 3));
    EXPECT_EQ(report.exit_status, 139);
    EXPECT_TRUE(report.malformed.empty());
}

TEST(Report, WhatCountsAfterACrashIsOfTheMachine) {
    Report report;
    report.feed("register rip 401000\nregister rbx 5\nstack 7fff0 00ff10\n");
    EXPECT_FALSE(report.crashed);
    report.feed("\ncrash\nregister rip 402000\nstack 1000 55\n");
    EXPECT_TRUE(report.crashed);
    EXPECT_EQ(report.registers.size(), 1U);
    EXPECT_EQ(report.registers.at("rip"), 0x402000);
    ASSERT_EQ(report.stack.size(), 1);
    EXPECT_EQ(report.stack[0].address, 0x1000);
    EXPECT_TRUE(report.malformed.empty());
}

TEST(Report, TakesPiecesCutAnywhere) {
    const std::string text = "stat a 1\nstat b 2\r\nexit 3\n";
    for (size_t cut = 0; cut <= text.size(); ++cut) {
        Report report;
        report.feed(std::string_view{text}.substr(0, cut));
        report.feed(std::string_view{text}.substr(cut));
        EXPECT_EQ(report.stat("a"), 1);
        EXPECT_EQ(report.stat("b"), 2);
        EXPECT_EQ(report.exit_status, 3);
    }
}

TEST(Report, LastLineNeedsNoNewline) {
    Report report;
    report.feed("exit 7");
    EXPECT_FALSE(report.exit_status);
    report.finish();
    EXPECT_EQ(report.exit_status, 7);
}

TEST(Report, LaterValueReplacesEarlier) {
    Report report;
    report.feed("stat a 1\nstat b 5\nstat a 2\n");
    ASSERT_EQ(report.stats.size(), 2);
    EXPECT_EQ(report.stats[0].first, "a");
    EXPECT_EQ(report.stats[0].second, 2);
}

TEST(Report, KeepsWhatItDoesNotUnderstandApart) {
    for (const char* const line : {"exit",       "exit 256",   "exit -1",     "exit 1 2",   "stat",        "stat a",       "stat a x",
                                   "stat a 1 2", "fault 0 0",  "fault",       "fault 99 0", "fault 11 zz", "register rip", "register",
                                   "bias",       "stack 10 0", "stack 10 0g", "stack 10",   "stack zz 00", "unknown 1",    " exit 1"}) {
        Report report;
        report.feed(std::string{line} + "\nexit 4\n");
        ASSERT_EQ(report.malformed.size(), 1) << line;
        EXPECT_EQ(report.malformed[0], line);
        EXPECT_EQ(report.exit_status, 4);
    }
}

TEST(Report, BoundsWhatItKeeps) {
    Report report;
    for (int i = 0; i < 100; ++i) report.feed("nonsense\n");
    EXPECT_LE(report.malformed.size(), 8);
    const std::string chunk(1 << 20, 'x');
    for (int i = 0; i < 6; ++i) report.feed(chunk);
    report.feed("\nexit 5\n");
    EXPECT_EQ(report.exit_status, 5);
}

}  // namespace
}  // namespace eremite::cli

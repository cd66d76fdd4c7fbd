#include "vmm/gdb/stub.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vmm_gdb/fake_target.hpp"
#include "vmm/gdb/hex.hpp"

namespace eremite::vmm::gdb {
namespace {

using Kind = Action::Kind;

TEST(GdbStub, MachineStandsFromTheConnectionOn) {
    Conversation gdb;
    EXPECT_EQ(gdb.target.stops, 1U);
    EXPECT_EQ(gdb.target.resumes, 0U);
    EXPECT_EQ(gdb.ask("?"), "T02thread:1;");
}

TEST(GdbStub, UnknownPacketsAreAnsweredByNothing) {
    Conversation gdb;
    for (const char* packet : {"", "!", "vMustReplyEmpty", "qOffsets", "QNonStop:1", "vFile:open", "i", "_", "Q", "v", "Z9,1000,1", "Hx1"})
        EXPECT_EQ(gdb.ask(packet), "") << packet;
}

TEST(GdbStub, AcknowledgesUntilToldNotTo) {
    Conversation gdb;
    gdb.stub.take(packet_of("qC"));
    EXPECT_EQ(std::exchange(gdb.sent, {}), "+" + packet_of("QC1"));
    gdb.stub.take("$qC#00");
    EXPECT_EQ(std::exchange(gdb.sent, {}), "-");
    gdb.stub.take("-");
    EXPECT_EQ(std::exchange(gdb.sent, {}), packet_of("QC1"));
    gdb.stub.take(packet_of("QStartNoAckMode"));
    EXPECT_EQ(std::exchange(gdb.sent, {}), "+" + packet_of("OK"));
    gdb.stub.take(packet_of("qC"));
    EXPECT_EQ(std::exchange(gdb.sent, {}), packet_of("QC1"));
    gdb.stub.take("$qC#00-");
    EXPECT_EQ(gdb.sent, "");
}

TEST(GdbStub, RegistersAreThoseOfTheChosenProcessor) {
    Conversation gdb;
    gdb.target.files[1].set(Rbx, 0x1234);
    EXPECT_EQ(gdb.ask("p1"), "0000000000000000");
    EXPECT_EQ(gdb.ask("Hg2"), "OK");
    EXPECT_EQ(gdb.ask("p1"), "3412000000000000");
    EXPECT_EQ(gdb.ask("P10=8877665544332211"), "OK");
    EXPECT_EQ(gdb.target.files[1].value(Rip), 0x1122334455667788U);
    EXPECT_EQ(gdb.ask("g"), hex_of(gdb.target.files[1].all()));
    RegisterFile other;
    other.set(Rax, 7);
    EXPECT_EQ(gdb.ask("G" + hex_of(other.all())), "OK");
    EXPECT_EQ(gdb.target.files[1].value(Rax), 7U);
    EXPECT_EQ(gdb.target.files[0].value(Rax), 0U);
}

TEST(GdbStub, RegistersThatThereAreNot) {
    Conversation gdb;
    for (const char* packet : {"p", "p40", "pffffffffffffffff", "p1x", "P40=00", "P1", "P1=00", "P1=00000000000000000", "P1=zz00000000000000", "G", "G00"})
        EXPECT_EQ(gdb.ask(packet), "E01") << packet;
}

TEST(GdbStub, Memory) {
    Conversation gdb;
    EXPECT_EQ(gdb.ask("M1000,3:010203"), "OK");
    EXPECT_EQ(gdb.ask("m1000,4"), "01020300");
    EXPECT_EQ(gdb.ask("X10fe,2:#}"), "OK");
    // Less than was asked for, where memory ends.
    EXPECT_EQ(gdb.ask("m10fe,8"), "237d");
    EXPECT_EQ(gdb.ask("m1100,1"), "E0e");
    EXPECT_EQ(gdb.ask("M10ff,2:0000"), "E0e");
    EXPECT_EQ(gdb.ask("X0,0:"), "E0e");
    EXPECT_EQ(gdb.ask("X1000,0:"), "OK");
}

TEST(GdbStub, MemoryThatIsAskedForWrongly) {
    Conversation gdb;
    for (const char* packet : {"m", "m1000", "m1000,", "m1000,1,", "M1000,2:01", "M1000,1:0x", "M1000,1", "X1000,2:a", "X1000,ffffffffffffffff:a", "Z0", "Z0,", "Z0,1000"})
        EXPECT_EQ(gdb.ask(packet), "E01") << packet;
    // More than fits is less.
    gdb.target.memory.resize(1 << 16);
    EXPECT_LE(gdb.ask("m1000,ffffffffffffffff").size(), size_t{PacketReader::longest});
}

TEST(GdbStub, Breakpoints) {
    Conversation gdb;
    EXPECT_EQ(gdb.ask("Z0,1234,1"), "OK");
    EXPECT_EQ(gdb.ask("Z2,2000,8"), "OK");
    ASSERT_EQ(gdb.target.breakpoints.size(), 2U);
    EXPECT_EQ(gdb.target.breakpoints[0], (Breakpoint{Breakpoint::Kind::Software, 0x1234, 1}));
    EXPECT_EQ(gdb.target.breakpoints[1], (Breakpoint{Breakpoint::Kind::WatchWrites, 0x2000, 8}));
    EXPECT_EQ(gdb.ask("Z3,2000,8"), "");
    EXPECT_EQ(gdb.ask("z0,1234,1"), "OK");
    EXPECT_EQ(gdb.target.breakpoints.size(), 1U);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(gdb.ask("Z1,4" + std::to_string(i) + ",1"), "OK");
    EXPECT_EQ(gdb.ask("Z1,50,1"), "E1c");
}

TEST(GdbStub, WhatLetItGoIsAnsweredByTheStop) {
    Conversation gdb;
    EXPECT_TRUE(gdb.say("qSupported:swbreak+;hwbreak+").size() == 1);
    EXPECT_TRUE(gdb.say("vCont;c").empty());
    EXPECT_EQ(gdb.target.resumes, 1U);
    // Nothing is answered meanwhile.
    EXPECT_TRUE(gdb.say("g").empty());
    gdb.stub.stopped({Stop::Reason::SoftwareBreakpoint, 1, 0});
    EXPECT_EQ(gdb.heard(), std::vector<std::string>{"T05thread:2;swbreak:;"});
    EXPECT_EQ(gdb.ask("qC"), "QC2");
    EXPECT_TRUE(gdb.say("c").empty());
    gdb.stub.stopped({Stop::Reason::WatchWrites, 0, 0x2000});
    EXPECT_EQ(gdb.heard(), std::vector<std::string>{"T05thread:1;watch:2000;"});
    // It stands already.
    gdb.stub.stopped({Stop::Reason::Stepped, 0, 0});
    EXPECT_TRUE(gdb.heard().empty());
}

TEST(GdbStub, BreakpointsAreToldOfToWhomKnowsThem) {
    Conversation gdb;
    EXPECT_TRUE(gdb.say("vCont;c").empty());
    gdb.stub.stopped({Stop::Reason::HardwareBreakpoint, 0, 0});
    EXPECT_EQ(gdb.heard(), std::vector<std::string>{"T05thread:1;"});
}

TEST(GdbStub, InterruptStopsWhatRuns) {
    Conversation gdb;
    gdb.stub.take("\x03");
    EXPECT_TRUE(gdb.heard().empty());
    EXPECT_TRUE(gdb.say("vCont;c").empty());
    gdb.stub.take("\x03");
    EXPECT_EQ(gdb.target.stops, 2U);
    EXPECT_EQ(gdb.heard(), std::vector<std::string>{"T02thread:1;"});
}

TEST(GdbStub, GoesOnWithNobodyThere) {
    Conversation gdb;
    EXPECT_EQ(gdb.ask("Z0,1234,1"), "OK");
    EXPECT_EQ(gdb.ask("D"), "OK");
    EXPECT_TRUE(gdb.stub.is_over());
    EXPECT_TRUE(gdb.target.breakpoints.empty());
    EXPECT_EQ(gdb.target.resumes, 1U);
    gdb.stub.disconnect();
    EXPECT_EQ(gdb.target.resumes, 1U);
    // Another comes, and goes without a word.
    gdb.stub.connect();
    EXPECT_FALSE(gdb.stub.is_over());
    EXPECT_EQ(gdb.ask("?"), "T02thread:1;");
    EXPECT_EQ(gdb.ask("Z0,1234,1"), "OK");
    EXPECT_TRUE(gdb.say("c").empty());
    gdb.stub.disconnect();
    EXPECT_TRUE(gdb.target.breakpoints.empty());
    EXPECT_EQ(gdb.target.resumes, 3U);
}

TEST(GdbStub, Kills) {
    Conversation gdb;
    EXPECT_TRUE(gdb.say("k").empty());
    EXPECT_EQ(gdb.target.kills, 1U);
    EXPECT_TRUE(gdb.stub.is_over());
    EXPECT_EQ(gdb.target.resumes, 0U);
    Conversation other;
    EXPECT_TRUE(other.say("vCont;c").empty());
    EXPECT_EQ(other.ask("vKill;1"), "OK");
    EXPECT_EQ(other.target.kills, 1U);
}

TEST(GdbStub, TellsOfTheEnd) {
    Conversation gdb;
    EXPECT_TRUE(gdb.say("vCont;c").empty());
    gdb.stub.ended(42);
    EXPECT_EQ(gdb.heard(), std::vector<std::string>{"W2a"});
    EXPECT_TRUE(gdb.stub.is_over());
    Conversation reset;
    EXPECT_TRUE(reset.say("vCont;c").empty());
    reset.stub.ended(std::nullopt);
    EXPECT_EQ(reset.heard(), std::vector<std::string>{"X09"});
}

}  // namespace
}  // namespace eremite::vmm::gdb

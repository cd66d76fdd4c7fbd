// Processors as threads, and what each of them does when the machine goes on.
#include <gtest/gtest.h>

#include "tests/unit/vmm_gdb/fake_target.hpp"
#include "vmm/gdb/hex.hpp"

namespace eremite::vmm::gdb {
namespace {

using Kind = Action::Kind;

std::vector<Kind> kinds(const Conversation& gdb) {
    std::vector<Kind> all;
    for (const Action& action : gdb.target.actions) all.push_back(action.kind);
    return all;
}

TEST(GdbThreads, ProcessorsAreThreads) {
    Conversation gdb;
    EXPECT_EQ(gdb.ask("qfThreadInfo"), "m1,2");
    EXPECT_EQ(gdb.ask("qsThreadInfo"), "l");
    EXPECT_EQ(gdb.ask("qThreadExtraInfo,2"), "70726f636573736f722031");
    EXPECT_EQ(gdb.ask("T2"), "OK");
    for (const char* packet : {"T3", "T0", "T-1", "T", "Hg3", "H", "Hg", "Hgx", "qThreadExtraInfo,0", "qThreadExtraInfo,3"}) EXPECT_EQ(gdb.ask(packet), "E01") << packet;
    EXPECT_EQ(gdb.ask("Hg0"), "OK");
    EXPECT_EQ(gdb.ask("Hc-1"), "OK");
}

TEST(GdbThreads, FirstActionThatNamesAThreadIsItsOwn) {
    Conversation gdb;
    EXPECT_EQ(gdb.ask("vCont?"), "vCont;c;C;s;S;r");
    EXPECT_TRUE(gdb.say("vCont;s:2;c").empty());
    EXPECT_EQ(kinds(gdb), (std::vector{Kind::Continue, Kind::Step}));
    Conversation alone;
    EXPECT_TRUE(alone.say("vCont;S05:1").empty());
    EXPECT_EQ(kinds(alone), (std::vector{Kind::Step, Kind::Stand}));
    Conversation all;
    EXPECT_TRUE(all.say("vCont;C05:-1;s:1").empty());
    EXPECT_EQ(kinds(all), (std::vector{Kind::Continue, Kind::Continue}));
}

TEST(GdbThreads, RangeOfSteps) {
    Conversation gdb;
    EXPECT_TRUE(gdb.say("vCont;r1000,1010:1").empty());
    EXPECT_EQ(kinds(gdb), (std::vector{Kind::Step, Kind::Stand}));
    EXPECT_EQ(gdb.target.actions[0].from, 0x1000U);
    EXPECT_EQ(gdb.target.actions[0].end, 0x1010U);
}

TEST(GdbThreads, WrongActionsLetNobodyGo) {
    Conversation gdb;
    for (const char* packet : {"vCont;", "vCont;t", "vCont;x:1", "vCont;c:3", "vCont;cx", "vCont;C", "vCont;r1", "vCont;r1,", "vCont;c:1,2"})
        EXPECT_EQ(gdb.ask(packet), "E01") << packet;
    EXPECT_EQ(gdb.target.resumes, 0U);
}

TEST(GdbThreads, ByLetter) {
    Conversation gdb;
    EXPECT_TRUE(gdb.say("s").empty());
    EXPECT_EQ(kinds(gdb), (std::vector{Kind::Step, Kind::Continue}));
    gdb.stub.stopped({Stop::Reason::Stepped, 0, 0});
    EXPECT_EQ(gdb.heard(), std::vector<std::string>{"T05thread:1;"});
    EXPECT_EQ(gdb.ask("Hc2"), "OK");
    EXPECT_TRUE(gdb.say("S05;1234").empty());
    EXPECT_EQ(kinds(gdb), (std::vector{Kind::Stand, Kind::Step}));
    EXPECT_EQ(gdb.target.files[1].value(Rip), 0x1234U);
    gdb.stub.stopped({Stop::Reason::Stepped, 1, 0});
    EXPECT_TRUE(gdb.say("C05").empty());
    EXPECT_EQ(kinds(gdb), (std::vector{Kind::Continue, Kind::Continue}));
    EXPECT_EQ(gdb.target.files[1].value(Rip), 0x1234U);
}

TEST(GdbThreads, DescriptionComesInParts) {
    Conversation gdb;
    std::string all;
    for (;;) {
        const std::string part = gdb.ask("qXfer:features:read:target.xml:" + hex_of(uint64_t{all.size()}) + ",100");
        ASSERT_FALSE(part.empty());
        all += part.substr(1);
        if (part[0] == 'l') break;
        ASSERT_EQ(part[0], 'm');
        ASSERT_EQ(part.size(), 0x101U);
    }
    EXPECT_EQ(all, target_description());
    EXPECT_EQ(gdb.ask("qXfer:features:read:other.xml:0,100"), "E00");
    EXPECT_EQ(gdb.ask("qXfer:features:read:target.xml:fffffff,1"), "E00");
    EXPECT_EQ(gdb.ask("qXfer:features:read:target.xml:0"), "E00");
}

}  // namespace
}  // namespace eremite::vmm::gdb

#include "cli/host_facts.hpp"

#include <gtest/gtest.h>

#include "cli/tsc.hpp"

namespace eremite::cli {
namespace {

const HostFacts facts{.key = "boot qemu 1 2",
                      .tsc_khz = 2'600'013,
                      .kvm = {.state = KvmState::Works, .detail = "a=b\nc", .ring0_ns = 264.5, .ring3_ns = 0.125, .ring3_works = true}};

TEST(HostFacts, SurviveWritingAndReading) {
    const auto read = parse_host_facts(serialize(facts));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->key, facts.key);
    EXPECT_EQ(read->tsc_khz, facts.tsc_khz);
    EXPECT_EQ(read->kvm.state, facts.kvm.state);
    EXPECT_EQ(read->kvm.detail, "a=b c");
    EXPECT_EQ(read->kvm.ring0_ns, facts.kvm.ring0_ns);
    EXPECT_EQ(read->kvm.ring3_ns, facts.kvm.ring3_ns);
    EXPECT_TRUE(read->kvm.ring3_works);
}

TEST(HostFacts, DamagedMemoryIsNoMemory) {
    const std::string text = serialize(facts);
    EXPECT_FALSE(parse_host_facts(""));
    EXPECT_FALSE(parse_host_facts("nonsense"));
    for (size_t length = 0; length + 10 < text.size(); ++length)
        EXPECT_FALSE(parse_host_facts(std::string_view{text}.substr(0, length))) << length;
    std::string wrong_state = text;
    wrong_state.replace(wrong_state.find("kvm_state=3"), 11, "kvm_state=9");
    EXPECT_FALSE(parse_host_facts(wrong_state));
}

TEST(Tsc, FrequencyIsPlausible) {
    const uint64_t khz = measure_tsc_khz();
    EXPECT_GT(khz, 500'000);
    EXPECT_LT(khz, 10'000'000);
}

}  // namespace
}  // namespace eremite::cli

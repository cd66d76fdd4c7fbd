#include "vmm/affinity.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <latch>
#include <string>
#include <thread>

#include "vmm/error.hpp"

namespace eremite::test {
namespace {

std::string refusal(std::span<const unsigned> host_cpus, unsigned processors) {
    try {
        vmm::check_affinity(host_cpus, processors);
    } catch (const vmm::Error& error) {
        return error.what();
    }
    return {};
}

unsigned last_allowed() {
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
    unsigned last = CPU_SETSIZE - 1;
    while (last > 0 && !CPU_ISSET(last, &set)) --last;
    return last;
}

TEST(Affinity, OneForEachProcessor) {
    const unsigned cpu = last_allowed();
    EXPECT_EQ(refusal(std::array{cpu}, 1), "");
    EXPECT_EQ(refusal(std::array{cpu, cpu}, 2), "");
    EXPECT_NE(refusal(std::array{cpu, cpu}, 1).find("names 2 of"), std::string::npos);
    EXPECT_NE(refusal(std::array{cpu}, 2).find("has 2"), std::string::npos);
}

TEST(Affinity, CpusThatThisProcessMayNotUseAreNamed) {
    const unsigned cpu = last_allowed();
    const std::string why = refusal(std::array{cpu + 1}, 1);
    EXPECT_NE(why.find("CPU " + std::to_string(cpu + 1)), std::string::npos) << why;
    EXPECT_FALSE(refusal(std::array{1'000'000U}, 1).empty());
}

TEST(Affinity, AThreadStaysWhereItIsPut) {
    const unsigned cpu = last_allowed();
    std::latch pinned{1};
    int ran_on = -1;
    std::thread thread{[&] {
        pinned.wait();
        ran_on = ::sched_getcpu();
    }};
    EXPECT_NO_THROW(vmm::pin(thread.native_handle(), cpu));
    EXPECT_THROW(vmm::pin(thread.native_handle(), 1'000'000), vmm::Error);
    pinned.count_down();
    thread.join();
    EXPECT_EQ(ran_on, static_cast<int>(cpu));
}

}  // namespace
}  // namespace eremite::test

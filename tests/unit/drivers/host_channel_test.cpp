#include "libos/drivers/host_channel.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "abi/host_channel.hpp"
#include "cli/report.hpp"
#include "tests/unit/drivers/uart.hpp"

namespace eremite::test {
namespace {

class HostChannel : public testing::Test {
protected:
    void start(bool log, bool report) {
        if (log) log_.emplace(ports_, abi::log_port);
        if (report) report_.emplace(ports_, abi::report_port);
        drivers::start_host_channel();
    }
    // What the command makes of the report.
    cli::Report understood() {
        cli::Report result;
        result.feed(report_->text);
        result.finish();
        return result;
    }
    Ports ports_;
    std::optional<DebugPort> log_, report_;
};

TEST_F(HostChannel, NobodyThere) {
    start(false, false);
    EXPECT_FALSE(drivers::has_log_port());
    EXPECT_FALSE(drivers::has_report_port());
    drivers::report("exit {}", 3);
    const uint8_t bytes[100]{};
    drivers::report_stack(0x1000, bytes);
    EXPECT_TRUE(ports_.writes().empty());
}

TEST_F(HostChannel, LogOnly) {
    start(true, false);
    EXPECT_TRUE(drivers::has_log_port());
    EXPECT_FALSE(drivers::has_report_port());
    drivers::write_log_port(std::string_view{"text\n"});
    drivers::report("exit {}", 3);
    EXPECT_EQ(log_->text, "text\n");
    EXPECT_EQ(ports_.writes().size(), 5u);
}

TEST_F(HostChannel, Both) {
    start(true, true);
    EXPECT_TRUE(drivers::has_log_port());
    EXPECT_TRUE(drivers::has_report_port());
    drivers::write_log_port(std::string_view{"to the log"});
    drivers::report("exit {}", 3);
    EXPECT_EQ(log_->text, "to the log");
    EXPECT_EQ(report_->text, "exit 3\n");
}

// The command always gives both: a lone second port is somebody else's.
TEST_F(HostChannel, ReportPortOnly) {
    start(false, true);
    EXPECT_FALSE(drivers::has_log_port());
    EXPECT_FALSE(drivers::has_report_port());
    drivers::report("exit {}", 3);
    EXPECT_EQ(report_->text, "");
}

// A device that answers otherwise is not ours to write to.
TEST_F(HostChannel, AnotherDeviceAtThePort) {
    for (const uint32_t answer : {0x00u, 0xe8u, 0xffu}) {
        ports_[abi::log_port].in = ports_[abi::report_port].in = [=](unsigned) { return answer; };
        drivers::start_host_channel();
        EXPECT_FALSE(drivers::has_log_port());
        EXPECT_FALSE(drivers::has_report_port());
    }
}

TEST_F(HostChannel, TheCommandUnderstandsReports) {
    start(true, true);
    drivers::report("stat boot.main_tsc {}", uint64_t{18446744073709551615u});
    drivers::report("stat memory.free {}", 0u);
    drivers::report("bias {:x}", uint64_t{0x2000'0040'0000});
    drivers::report("fault {} {:x}", 11, uint64_t{0xdeadbeef});
    drivers::report("register {} {:x}", std::string_view{"rip"}, uint64_t{0x401000});
    drivers::report("exit {}", 139);
    const cli::Report result = understood();
    EXPECT_TRUE(result.malformed.empty());
    EXPECT_EQ(result.stat("boot.main_tsc"), uint64_t{18446744073709551615u});
    EXPECT_EQ(result.stat("memory.free"), 0u);
    EXPECT_EQ(result.bias, 0x2000'0040'0000u);
    ASSERT_TRUE(result.fault.has_value());
    EXPECT_EQ(result.fault->signal, 11);
    EXPECT_EQ(result.fault->address, 0xdeadbeefu);
    EXPECT_EQ(result.registers.at("rip"), 0x401000u);
    EXPECT_EQ(result.exit_status, 139);
}

TEST_F(HostChannel, Stack) {
    start(true, true);
    const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0x7e};
    drivers::report_stack(0x7ffc'1230, bytes);
    EXPECT_EQ(report_->text, "stack 0x7ffc1230 000ff0ff7e\n");
}

TEST_F(HostChannel, StackOfAnySize) {
    start(true, true);
    for (const size_t size : {0, 1, 63, 64, 65, 128, 1000}) {
        report_->text.clear();
        std::vector<uint8_t> bytes(size);
        for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7);
        constexpr uint64_t address = 0x3fff'ffff'0000;
        drivers::report_stack(address, bytes);
        const cli::Report result = understood();
        EXPECT_TRUE(result.malformed.empty());
        std::string joined;
        for (const cli::StackPiece& piece : result.stack) {
            EXPECT_EQ(piece.address, address + joined.size());
            joined += piece.bytes;
        }
        EXPECT_EQ(joined, std::string(bytes.begin(), bytes.end())) << size;
    }
}

}  // namespace
}  // namespace eremite::test

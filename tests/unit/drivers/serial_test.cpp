#include "libos/drivers/serial.hpp"

#include <gtest/gtest.h>

#include "abi/host_channel.hpp"
#include "tests/unit/drivers/uart.hpp"

namespace eremite::test {
namespace {

using drivers::Serial;

constexpr uint16_t port = 0x3f8;

std::string numbered(size_t size) {
    std::string text(size, 0);
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 256);
    return text;
}

class SerialTest : public testing::Test {
protected:
    Ports ports_;
    Uart uart_{ports_, port};
    Serial serial_;
};

TEST(SerialWithoutUart, IsNotThere) {
    Ports ports;
    Serial serial;
    EXPECT_FALSE(serial.present());
    EXPECT_FALSE(serial.start(port));
    EXPECT_FALSE(serial.present());
    // Nothing but the scratch register was touched, and nothing is from now on.
    ASSERT_EQ(ports.writes().size(), 1u);
    EXPECT_EQ(ports.writes()[0].port, port + 7);
    const uint64_t reads = ports.reads();
    serial.write(std::string_view{"lost"});
    serial.enable_receive_interrupt();
    EXPECT_EQ(serial.read(), std::nullopt);
    EXPECT_EQ(ports.writes().size(), 1u);
    EXPECT_EQ(ports.reads(), reads);
}

TEST(SerialWithoutUart, ReadsAsZero) {
    Ports ports;
    for (uint16_t i = 0; i < 8; ++i) ports[port + i].in = [](unsigned) { return 0u; };
    EXPECT_FALSE(Serial{}.start(port));
}

TEST_F(SerialTest, IsSetUp) {
    ASSERT_TRUE(serial_.start(port));
    EXPECT_TRUE(serial_.present());
    EXPECT_EQ(uart_.divisor, 1u);
    EXPECT_EQ(uart_.line_control, 3u);          // 8 bits, no parity, one stop bit; the divisor latch is closed again
    EXPECT_EQ(uart_.fifo_control & 1, 1u);      // FIFOs on
    EXPECT_EQ(uart_.modem_control & 0xb, 0xbu); // DTR, RTS, and OUT2, which connects the interrupt line
    EXPECT_EQ(uart_.interrupt_enable, 0u);
    EXPECT_EQ(uart_.output, "");
}

TEST_F(SerialTest, IsLeftAloneIfItSaysThatItIsSetUp) {
    uart_.scratch = abi::serial_is_set_up;
    uart_.modem_control = 0x7;
    ASSERT_TRUE(serial_.start(port));
    EXPECT_TRUE(serial_.present());
    EXPECT_EQ(ports_.writes().size(), 0u);
    EXPECT_EQ(ports_.reads(), 1u);
    EXPECT_EQ(uart_.modem_control, 0x7);
}

TEST_F(SerialTest, InterruptsThatFirmwareLeftOnAreOff) {
    uart_.interrupt_enable = 0xf;
    ASSERT_TRUE(serial_.start(port));
    EXPECT_EQ(uart_.interrupt_enable, 0u);
}

TEST_F(SerialTest, KeepsWhatArrivedBefore) {
    uart_.receive("early");
    ASSERT_TRUE(serial_.start(port));
    EXPECT_EQ(std::string(uart_.input.begin(), uart_.input.end()), "early");
    EXPECT_EQ(serial_.read(), 'e');
}

TEST_F(SerialTest, Writes) {
    ASSERT_TRUE(serial_.start(port));
    std::string expected;
    for (const size_t size : {0, 1, 15, 16, 17, 32, 33, 1000}) {
        const std::string text = numbered(size);
        serial_.write(text);
        expected += text;
        EXPECT_EQ(uart_.output, expected) << size;
    }
}

TEST_F(SerialTest, WaitsForASlowTransmitter) {
    uart_.slowness = 7;
    ASSERT_TRUE(serial_.start(port));
    const std::string text = numbered(300);
    // In pieces of all sizes, so that one follows another that is not sent yet.
    for (size_t at = 0, size = 1; at < text.size(); at += size, size = size % 23 + 1) serial_.write(std::string_view{text}.substr(at, size));
    EXPECT_EQ(uart_.output, text);
    EXPECT_EQ(uart_.overruns, 0u);
}

TEST_F(SerialTest, Reads) {
    ASSERT_TRUE(serial_.start(port));
    EXPECT_EQ(serial_.read(), std::nullopt);
    const std::string text = numbered(600);
    uart_.receive(text);
    for (const char c : text) ASSERT_EQ(serial_.read(), static_cast<uint8_t>(c));
    EXPECT_EQ(serial_.read(), std::nullopt);
    EXPECT_EQ(uart_.reads_of_nothing, 0u);
}

TEST_F(SerialTest, ReceiveInterrupt) {
    ASSERT_TRUE(serial_.start(port));
    serial_.enable_receive_interrupt();
    EXPECT_EQ(uart_.interrupt_enable, 1u);  // received data, nothing else
}

TEST(SerialElsewhere, UsesItsOwnPorts) {
    Ports ports;
    Uart first{ports, 0x3f8}, second{ports, 0x2f8};
    Serial serial;
    ASSERT_TRUE(serial.start(0x2f8));
    serial.write(std::string_view{"second"});
    EXPECT_EQ(second.output, "second");
    EXPECT_EQ(first.output, "");
    EXPECT_EQ(first.scratch, 0u);
}

}  // namespace
}  // namespace eremite::test

// The serial port as a driver sees it: registers at their offsets.
#include "vmm/platform/serial.hpp"

#include <sys/ioctl.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>

namespace eremite::test {
namespace {

enum Register : uint64_t { Data, InterruptEnable, InterruptIdentity, LineControl, ModemControl, LineStatus, ModemStatus, Scratch };

struct PipePair {
    PipePair() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        out = vmm::UniqueFd{ends[0]};
        in = vmm::UniqueFd{ends[1]};
    }
    vmm::UniqueFd out, in;
};

struct SerialTest : ::testing::Test {
    PipePair input, output;
    vmm::EventLoop loop;
    vmm::UniqueFd interrupt = vmm::make_event();
    vmm::Serial serial{loop, input.out.get(), output.in.get(), interrupt.get()};
    std::thread thread{[this] { loop.run(); }};

    ~SerialTest() override {
        loop.stop();
        thread.join();
    }
    uint8_t get(uint64_t at) {
        std::array<std::byte, 1> data{};
        serial.read(at, data);
        return std::to_integer<uint8_t>(data[0]);
    }
    void set(uint64_t at, uint8_t value) {
        const std::array data{std::byte{value}};
        serial.write(at, data);
    }
    void await_input() {
        while ((get(LineStatus) & 1) == 0) std::this_thread::yield();
    }
    void type(const std::string& text) { ASSERT_EQ(::write(input.in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size())); }
};

// As libos/drivers/serial.cpp would set it up, which looks at the scratch register for that.
TEST_F(SerialTest, BeginsAsOneThatIsSetUp) {
    EXPECT_EQ(get(Scratch), abi::serial_is_set_up);
    EXPECT_EQ(get(LineControl), 3);
    EXPECT_EQ(get(ModemControl) & 0x1f, 0xb);
    EXPECT_EQ(get(InterruptEnable), 0);
    EXPECT_EQ(get(InterruptIdentity) & 0xc0, 0xc0);
    set(LineControl, 0x83);
    EXPECT_EQ(get(Data), 1);
    EXPECT_EQ(get(InterruptEnable), 0);
}

TEST_F(SerialTest, AStringOfBytesComesOutAtOnce) {
    const std::string text = "hello, world";
    serial.write(Data, std::as_bytes(std::span{text}));
    std::array<char, 64> got{};
    ASSERT_EQ(::read(output.out.get(), got.data(), got.size()), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(std::string_view(got.data()), text);
    EXPECT_EQ(get(LineStatus) & 0x60, 0x60);
}

TEST_F(SerialTest, MuchInputIsReadInOrderWithoutALoss) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
    set(InterruptEnable, 1);
    type(text);
    for (const char c : text) {
        await_input();
        ASSERT_EQ(get(Data), static_cast<uint8_t>(c));
    }
    EXPECT_EQ(get(LineStatus) & 1, 0);
    EXPECT_EQ(get(Data), 0);
}

TEST_F(SerialTest, InputInterruptsWhereThatIsWanted) {
    type("a");
    // Before, it is left to who else may read it.
    int left = 0;
    ASSERT_EQ(::ioctl(input.out.get(), FIONREAD, &left), 0);
    EXPECT_EQ(left, 1);
    EXPECT_EQ(get(LineStatus) & 1, 0);
    EXPECT_FALSE(vmm::take_event(interrupt.get()));
    EXPECT_EQ(get(InterruptIdentity) & 0xf, 1);
    set(InterruptEnable, 1);
    await_input();
    EXPECT_TRUE(vmm::take_event(interrupt.get()));
    EXPECT_EQ(get(InterruptIdentity) & 0xf, 4);
    EXPECT_EQ(get(Data), 'a');
    EXPECT_EQ(get(InterruptIdentity) & 0xf, 1);
}

TEST_F(SerialTest, TheDivisorIsNotSent) {
    set(LineControl, 0x83);
    set(Data, 7);
    set(InterruptEnable, 1);
    EXPECT_EQ(get(Data), 7);
    EXPECT_EQ(get(InterruptEnable), 1);
    set(LineControl, 3);
    EXPECT_EQ(get(InterruptEnable), 0);
    set(Scratch, 0x5a);
    EXPECT_EQ(get(Scratch), 0x5a);
}

TEST_F(SerialTest, AccessesOfAnyWidthAnywhereAreHarmless) {
    std::array<std::byte, 16> wide{};
    for (uint64_t at = 0; at < 20; ++at)
        for (const size_t width : {0, 1, 2, 4, 8, 16}) {
            serial.read(at, std::span{wide}.first(width));
            if (at != Data) serial.write(at, std::span{wide}.first(width));
        }
}

}  // namespace
}  // namespace eremite::test

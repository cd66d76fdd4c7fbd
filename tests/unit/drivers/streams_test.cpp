// The program's streams over virtio consoles, or over the ports.
#include "libos/drivers/streams.hpp"

#include <gtest/gtest.h>

#include "tests/unit/drivers/console_scene.hpp"

namespace eremite::test {
namespace {

// The notes of what a program with virtio consoles does.
template <typename Body>
std::string play_with_streams(Body&& body, unsigned number = 2) {
    return play([&] {
        consoles = number;
        Scene scene{true};
        drivers::start_console({.terminal = false, .framed_input = true, .virtio = true});
        body(scene);
        return scene.notes + scene.uart->output + "|" + scene.log->text + "|" + streams[0].sent + "|" + streams[1].sent;
    });
}
void send(drivers::ConsoleOutput output, std::string_view text) {
    if (!drivers::console_send(output, text, true).ok()) routed += "refused ";
    drivers::console_push(output);
}
constexpr auto standard = drivers::ConsoleOutput::Standard, error = drivers::ConsoleOutput::Error;
const std::string much(100, 'x');

// To start a console takes as long as some bytes at a port.
TEST(ConsoleStreams, AreForMuchOutput) {
    EXPECT_EQ(play_with_streams([](Scene&) {
        send(standard, "out");
        send(error, "err");
    }), "out|err||");
    EXPECT_EQ(play_with_streams([](Scene&) {
        send(standard, "out");
        send(error, much);
        send(standard, "put");
        drivers::finish_console();
    }), "out||put$|" + much + "$");
}

TEST(ConsoleStreams, AreThePortsWithoutConsoles) {
    EXPECT_EQ(play_with_streams([](Scene& scene) {
        send(standard, much);
        send(error, "err");
        scene.notes += routed;
    }, 0), "a complaint " + much + "|err||");
    // The first one is that of standard output.
    EXPECT_EQ(play_with_streams([](Scene& scene) {
        send(standard, much);
        send(error, "err");
        scene.notes += routed;
    }, 1), "a complaint |err|" + much + "|");
}

TEST(ConsoleStreams, InputComesThroughTheFirst) {
    EXPECT_EQ(play_with_streams([](Scene& scene) {
        scene.read();
        streams[0].typed = "typed\x10\x10";
        scene.read();
        scene.notes += std::to_string(scene.uart->interrupt_enable) + (streams[0].callbacks.input && !streams[1].callbacks.input ? "first" : "both");
        on_wait = [] { streams[0].typed = "late\x10" "E"; };
        scene.read(4096, false);
        scene.look();
    }), again + "[typed\x10]0first[late]-.|||");
    EXPECT_EQ(play_with_streams([](Scene& scene) {
        scene.read();
        streams[0].failed = true;
        scene.read();
    }), again + "[]|||");
}

TEST(ConsoleStreams, FullOnesAreWaitedFor) {
    EXPECT_EQ(play_with_streams([](Scene& scene) {
        send(error, much);
        streams[0].full = true;
        scene.notes += drivers::console_writable(standard) ? "room " : "full ";
        send(standard, "out");
        scene.notes += routed;
        streams[0].full = false;
        scene.notes += drivers::console_writable(standard) ? "room " : "full ";
    }), "full refused room |||" + much);
}

}  // namespace
}  // namespace eremite::test

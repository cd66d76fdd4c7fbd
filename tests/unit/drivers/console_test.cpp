// The console: framing, waiting and the end of its input; where its output goes.
#include "libos/drivers/console.hpp"

#include <gtest/gtest.h>

#include "cli/stdin_framing.hpp"
#include "tests/unit/drivers/console_scene.hpp"

namespace eremite::test {
namespace {

constexpr char escape = static_cast<char>(abi::stdin_escape);

// The notes of reading `pieces`, each of which arrives when the one before has been read.
std::string framed_input(const std::vector<std::string>& pieces) {
    return play([&] {
        Scene scene{true};
        for (const std::string& piece : pieces) {
            scene.uart->receive(piece);
            scene.read();
        }
        return scene.notes;
    });
}

TEST(ConsoleInput, PlainBytes) {
    const std::string strange("\0\xff\x04\x11", 4);
    EXPECT_EQ(framed_input({"hello\n", "", "a", strange}), "[hello\n]" + again + "[a][" + strange + "]");
}

TEST(ConsoleInput, DoubledEscapeIsOne) {
    EXPECT_EQ(framed_input({"a\x10\x10" "b"}), "[a\x10" "b]");
    EXPECT_EQ(framed_input({"\x10\x10\x10\x10"}), "[\x10\x10]");
    EXPECT_EQ(framed_input({"\x10\x10" "E"}), "[\x10" "E]");
}

TEST(ConsoleInput, EscapedLetterIsTheEnd) {
    EXPECT_EQ(framed_input({"\x10" "E", ""}), "[][]");
    EXPECT_EQ(framed_input({"abc\x10" "E", "", ""}), "[abc][][]");
    EXPECT_EQ(framed_input({"\x10\x10\x10" "E", ""}), "[\x10][]");
    // The letter alone is a letter.
    EXPECT_EQ(framed_input({"E"}), "[E]");
}

TEST(ConsoleInput, NothingComesAfterTheEnd) {
    EXPECT_EQ(framed_input({"abc\x10" "Edef", "ghi", "\x10\x10", "\x10" "E"}), "[abc][][][]");
}

TEST(ConsoleInput, EscapeCutInTwo) {
    EXPECT_EQ(framed_input({"a\x10", "\x10" "b"}), "[a][\x10" "b]");
    EXPECT_EQ(framed_input({"a\x10", "E", ""}), "[a][][]");
    EXPECT_EQ(framed_input({"\x10", "", "E", ""}), again + again + "[][]");
}

TEST(ConsoleInput, RawBytesAreNotLookedAt) {
    EXPECT_EQ(play([] {
        Scene scene{false};
        scene.uart->receive("a\x10" "E\x10\x10" "b\x04");
        scene.read();
        scene.read();
        return scene.notes;
    }), "[a\x10" "E\x10\x10" "b\x04]" + again);
}

TEST(ConsoleInput, SmallBuffersLeaveTheRest) {
    EXPECT_EQ(play([] {
        Scene scene{true};
        scene.uart->receive("abcdefg\x10" "E");
        scene.read(3);
        scene.read(0);
        scene.look();
        scene.read(3);
        scene.read(3);
        scene.look();
        scene.read(3);
        return scene.notes;
    }), "[abc][]+.[def][g]-.[]");
}

// More than the kernel keeps stays with the UART, and none is lost.
TEST(ConsoleInput, AFlood) {
    std::string data(50'000, 0);
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 13 + i / 251);
    const std::string received = play([&] {
        Scene scene{true};
        scene.uart->receive(cli::framed(data) + cli::end_of_input());
        std::string all, buffer(1000, 0);
        for (;;) {
            const size_t count = drivers::console_read(buffer, true).value();
            if (count == 0) return all;
            all.append(buffer, 0, count);
        }
    });
    EXPECT_TRUE(received == data) << received.size();
}

TEST(ConsoleInput, WhatTheCommandFramesIsWhatIsRead) {
    for (unsigned round = 0; round < 30; ++round) {
        // Full of escapes and of the letter behind them.
        std::string data;
        uint32_t random = round * 2654435761u + 1;
        const auto next = [&] { return (random = random * 1664525 + 1013904223) >> 16; };
        for (unsigned size = next() % 400; size > 0; --size) data += std::string_view{"\x10" "Ea\n"}[next() % 4];
        const std::string wire = cli::framed(data) + cli::end_of_input();
        const std::string received = play([&] {
            Scene scene{true};
            std::string all;
            size_t at = 0;
            // Pieces of the line arrive only while the kernel waits for them.
            on_wait = [&] {
                const size_t size = 1 + next() % 7;
                scene.uart->receive(std::string_view{wire}.substr(at, size));
                at = std::min(at + size, wire.size());
            };
            for (;;) {
                std::string buffer(1 + next() % 9, 0);
                const size_t count = drivers::console_read(buffer, false).value();
                if (count == 0) return all;
                all.append(buffer, 0, count);
            }
        });
        EXPECT_EQ(received, data) << round;
    }
}

TEST(ConsoleInput, WaitsForAByteOfTheProgram) {
    EXPECT_EQ(play([] {
        Scene scene{true};
        // Interrupts without input, and half an escape sequence, are no reason to return.
        const std::vector<std::string> arrivals{"", "", "\x10", "", "\x10"};
        size_t waits = 0;
        on_wait = [&] { scene.uart->receive(arrivals.at(waits++)); };
        scene.read(10, false);
        return scene.notes + std::to_string(waits);
    }), "[\x10]5");
}

TEST(ConsoleInput, TheEndEndsAWait) {
    EXPECT_EQ(play([] {
        Scene scene{true};
        size_t waits = 0;
        on_wait = [&] { scene.uart->receive(++waits == 1 ? "\x10" : "E"); };
        scene.read(10, false);
        scene.read(10, false);
        return scene.notes + std::to_string(waits);
    }), "[][]2");
}

TEST(ConsoleInput, WhatIsThereIsNotWaitedFor) {
    EXPECT_EQ(play([] {
        Scene scene{true};
        scene.uart->receive("ab");
        scene.read(10, false);  // aborts if it waits
        return scene.notes;
    }), "[ab]");
}

TEST(ConsoleInput, DataAndEnd) {
    EXPECT_EQ(play([] {
        Scene scene{true};
        scene.look();
        scene.uart->receive("\x10");
        scene.look();
        scene.uart->receive("\x10");
        scene.look();
        scene.read();
        scene.look();
        scene.uart->receive("\x10" "E");
        scene.look();
        scene.read();
        scene.look();
        return scene.notes;
    }), "--+[\x10]--.[]-.");
}

TEST(ConsoleInput, WithoutASerialPortItHasEnded) {
    EXPECT_EQ(play([] {
        Scene scene{true, Scene::Log | Scene::Report};
        scene.look();
        scene.read(10, true);
        scene.read(10, false);
        return scene.notes;
    }), "-.[][]");
}

// A program that does not read its input is not interrupted by it.
TEST(ConsoleInput, TheInterruptIsEnabledByTheFirstRead) {
    EXPECT_EQ(play([] {
        Scene scene{true};
        drivers::console_write(std::string_view{"text"});
        scene.notes += std::to_string(scene.uart->interrupt_enable) + routed;
        scene.read(0);
        scene.notes += std::to_string(scene.uart->interrupt_enable) + routed;
        scene.read();
        scene.read();
        scene.look();
        scene.notes += std::to_string(scene.uart->interrupt_enable) + routed;
        return scene.notes;
    }), "0[]0" + again + again + "-14>0.33 ");
    EXPECT_EQ(play([] {
        Scene scene{true};
        scene.look();
        return std::to_string(scene.uart->interrupt_enable) + routed;
    }), "14>0.33 ");
}

TEST(ConsoleOutput, GoesToTheSerialPort) {
    EXPECT_EQ(play([] {
        Scene scene{true};
        drivers::console_write(std::string_view{"out"});
        drivers::console_write_error(std::string_view{"err"});
        return scene.uart->output + "|" + scene.log->text;
    }), "out|err");
    // Output is not framed.
    EXPECT_EQ(play([] {
        Scene scene{true};
        drivers::console_write(std::string_view{&escape, 1});
        return scene.uart->output;
    }), "\x10");
}

TEST(ConsoleOutput, ErrorsGoToTheSerialPortWithoutALog) {
    EXPECT_EQ(play([] {
        Scene scene{true, Scene::Serial};
        drivers::console_write(std::string_view{"out"});
        drivers::console_write_error(std::string_view{"err"});
        return scene.uart->output;
    }), "outerr");
}

TEST(ConsoleOutput, VanishesWithoutDevices) {
    EXPECT_EQ(play([] {
        Scene scene{true, Scene::Nothing};
        const size_t before = scene.ports.writes().size();
        drivers::console_write(std::string_view{"out"});
        drivers::console_write_error(std::string_view{"err"});
        return std::to_string(scene.ports.writes().size() - before);
    }), "0");
}

// The command holds input back until it hears this: before, the port is not set up.
TEST(ConsoleStart, TellsTheCommand) {
    const std::string report = play([] {
        Scene scene{true};
        return scene.report->text;
    });
    EXPECT_TRUE(report.starts_with("stat boot.console_tsc ")) << report;
    EXPECT_TRUE(report.ends_with("\n"));
}

TEST(ConsoleStart, TerminalOrNot) {
    for (const bool terminal : {false, true})
        EXPECT_EQ(play([=] {
            Scene scene{true, Scene::Serial, terminal};
            return std::string{drivers::console_is_terminal() ? "yes" : "no"};
        }), terminal ? "yes" : "no");
}

}  // namespace
}  // namespace eremite::test

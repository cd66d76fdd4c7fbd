// The console as a stream and as a terminal.
#include <asm/ioctls.h>
#include <signal.h>

#include "fixture.hpp"
#include "libos/fs/dev/console_file.hpp"
#include "libos/fs/dev/console_terminal.hpp"
#include "base/restart.hpp"
#include "libos/fs/dev/terminal.hpp"

namespace eremite::test {

using ConsoleTest = FileTest;

namespace {

Result<size_t> put(fs::File& file, std::string_view text) {
    auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    return file.write(io);
}

struct Typed {
    std::string echo;
    int signal = 0;
};
Typed type(fs::dev::Terminal& terminal, std::string_view keys) {
    Typed typed;
    for (const char key : keys) {
        const auto reaction = terminal.receive(key);
        typed.echo.append(reaction.echo.data(), reaction.echo_length);
        if (reaction.signal != 0) typed.signal = reaction.signal;
    }
    return typed;
}
std::string take(fs::dev::Terminal& terminal, size_t size = 100) {
    std::string text(size, '\0');
    text.resize(terminal.take(text));
    return text;
}

}  // namespace

TEST_F(ConsoleTest, StreamsLookLikePipes) {
    const Ref<fs::File> out = *files().get(1);
    EXPECT_EQ(out->attributes()->mode & S_IFMT, static_cast<uint32_t>(S_IFIFO));
    EXPECT_EQ(out->seek(0, SEEK_CUR).code(), ESPIPE);
    EXPECT_EQ(out->ioctl(TCGETS, 0).code(), ENOTTY);
    EXPECT_EQ(put(*out, "a\nb").value(), 3U);
    EXPECT_EQ(console.output, "a\nb");
    EXPECT_EQ(put(**files().get(2), "oops").value(), 4U);
    EXPECT_EQ(console.errors, "oops");
    console.input = "typed\nmore";
    const Ref<fs::File> in = *files().get(0);
    EXPECT_NE(in->readiness() & POLLIN, 0U);
    EXPECT_EQ(read(*in, 3), "typ");
    EXPECT_EQ(read(*in), "ed\nmore");
    EXPECT_EQ(read(*in), "");
    EXPECT_EQ(in->readiness() & POLLIN, 0U);
}

TEST_F(ConsoleTest, FullOutput) {
    const Ref<fs::File> out = *files().get(1);
    EXPECT_NE(out->readiness() & POLLOUT, 0U);
    console.full = true;
    EXPECT_EQ(out->readiness() & POLLOUT, 0U);
    EXPECT_EQ(put(*out, "text").code(), restart_if_asked);
    out->set_flags(out->flags() | O_NONBLOCK);
    EXPECT_EQ(put(*out, "text").code(), EAGAIN);
    console.full = false;
    EXPECT_EQ(put(*out, "text").value(), 4U);
    EXPECT_EQ(console.output, "text");
}

TEST_F(ConsoleTest, StandardLinksReopenTheStreams) {
    auto again = find("/dev/stderr")->open(O_WRONLY);
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(put(**again, "e").ok());
    EXPECT_EQ(console.errors, "e");
}

TEST_F(ConsoleTest, TerminalTranslatesAndEchoes) {
    console.terminal = true;
    auto opened = find("/dev/console")->open(O_RDWR);
    ASSERT_TRUE(opened.ok());
    fs::File& file = **opened;
    EXPECT_TRUE(put(file, "x\ny").ok());
    EXPECT_EQ(console.output, "x\r\ny");
    console.output.clear();
    console.input = "ab\rcd";
    EXPECT_EQ(read(file), "ab\n");
    EXPECT_EQ(console.output, "ab\r\ncd");
    EXPECT_EQ(file.readiness() & POLLIN, 0U);
    console.input = "\n";
    EXPECT_NE(file.readiness() & POLLIN, 0U);
    EXPECT_EQ(read(file), "cd\n");
}

TEST(Terminal, EditsLines) {
    fs::dev::Terminal terminal;
    EXPECT_EQ(type(terminal, "abc\x7f\x7f" "d").echo, "abc\b \b\b \bd");
    EXPECT_FALSE(terminal.readable());
    type(terminal, "\r");
    EXPECT_EQ(take(terminal), "ad\n");
    type(terminal, "gone\x15kept\n");
    EXPECT_EQ(take(terminal), "kept\n");
    type(terminal, "\xc3\xa4\x7fx\n");
    EXPECT_EQ(take(terminal), "x\n");
    type(terminal, "one\ntwo\n");
    EXPECT_EQ(take(terminal, 2), "on");
    EXPECT_EQ(take(terminal), "e\n");
    EXPECT_EQ(take(terminal), "two\n");
    EXPECT_FALSE(terminal.readable());
}

TEST(Terminal, EndOfFile) {
    fs::dev::Terminal terminal;
    type(terminal, "\x04");
    ASSERT_TRUE(terminal.readable());
    EXPECT_EQ(take(terminal), "");
    EXPECT_FALSE(terminal.readable());
    type(terminal, "part\x04");
    EXPECT_EQ(take(terminal), "part");
    EXPECT_FALSE(terminal.readable());
    type(terminal, "part\x04");
    EXPECT_EQ(take(terminal, 4), "part");
    EXPECT_FALSE(terminal.readable());
}

TEST(Terminal, SignalsAndRawMode) {
    fs::dev::Terminal terminal;
    const Typed typed = type(terminal, "abc\x03");
    EXPECT_EQ(typed.signal, SIGINT);
    EXPECT_EQ(typed.echo, "abc^C");
    EXPECT_EQ(terminal.available(), 0U);
    auto settings = terminal.settings();
    settings.c_lflag &= ~static_cast<unsigned>(ICANON | ECHO | ISIG);
    terminal.set_settings(settings);
    EXPECT_EQ(type(terminal, "\x03q").echo, "");
    EXPECT_EQ(take(terminal), "\x03q");
}

TEST(Terminal, OverlongLinesCanBeFinished) {
    fs::dev::Terminal terminal;
    type(terminal, std::string(10000, 'x'));
    EXPECT_FALSE(terminal.readable());
    type(terminal, "\n");
    ASSERT_TRUE(terminal.readable());
    const std::string line = take(terminal, 10000);
    EXPECT_EQ(line.size(), 4096U);
    EXPECT_EQ(line.back(), '\n');
}

}  // namespace eremite::test

#pragma once
// A small line discipline (termios(3)): canonical mode with echo and editing, raw mode, newline translation on output,
// keys that send signals. It only transforms bytes: who reads and writes the device hands them in and takes them out.
#include <asm/termbits.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace eremite::fs::dev {

class Terminal {
public:
    struct WindowSize {
        uint16_t rows = 24;
        uint16_t columns = 80;
        uint16_t width = 0;   // pixels
        uint16_t height = 0;
    };

    [[nodiscard]] const struct ::termios& settings() const { return settings_; }
    // Leaving canonical mode makes a line that is being edited readable.
    void set_settings(const struct ::termios& settings);
    [[nodiscard]] WindowSize window() const { return window_; }
    void set_window(WindowSize window) { window_ = window; }

    // What one byte of input brought about.
    struct Reaction {
        std::array<char, 4> echo{};
        uint8_t echo_length = 0;
        int signal = 0;  // SIGINT, SIGQUIT, SIGTSTP or 0
    };
    Reaction receive(char c);
    // Whether a read would return: a line or an end of file in canonical mode, else VMIN bytes.
    [[nodiscard]] bool readable() const;
    // Bytes that a read could get.
    [[nodiscard]] size_t available() const { return lines_end_; }
    // Takes input: at most one line in canonical mode. Requires: readable(). 0: end of file.
    [[nodiscard]] size_t take(std::span<char> buffer);
    void discard_input();

    // Translates output. `out` needs twice the room of `in`. Returns the length.
    [[nodiscard]] size_t translate_output(std::span<const char> in, std::span<char> out) const;

private:
    [[nodiscard]] bool local(uint32_t flag) const { return (settings_.c_lflag & flag) != 0; }
    void echo(Reaction& reaction, char c) const;
    void erase(Reaction& reaction);

    static constexpr size_t capacity = 4096;
    static constexpr uint16_t end_mark = 0x100;  // an end of file in the queue
    // [0, lines_end_) may be read; [lines_end_, length_) is the line being edited.
    std::array<uint16_t, capacity> queue_{};
    size_t length_ = 0;
    size_t lines_end_ = 0;
    WindowSize window_;
    struct ::termios settings_ = {
        .c_iflag = ICRNL | IXON | IUTF8,
        .c_oflag = OPOST | ONLCR,
        .c_cflag = B38400 | CS8 | CREAD,
        .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .c_line = 0,
        // VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT
        .c_cc = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22},
    };
};

}  // namespace eremite::fs::dev

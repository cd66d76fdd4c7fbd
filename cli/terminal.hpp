#pragma once
// Our own terminal, lent to the program.
#include <termios.h>

namespace eremite::cli {

// While it lives, every key reaches the program at once and unechoed; Ctrl-C and Ctrl-\ still end the machine. It changes nothing
// when `fd` is no terminal. The caller sees to it that signals reach a place where the object is destroyed.
class RawTerminal {
public:
    explicit RawTerminal(int fd);
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal();

private:
    int fd_;
    bool changed_ = false;
    termios before_{};
};

}  // namespace eremite::cli

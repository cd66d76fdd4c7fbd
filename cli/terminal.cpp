#include "cli/terminal.hpp"

#include <unistd.h>

namespace eremite::cli {

RawTerminal::RawTerminal(int fd) : fd_{fd} {
    if (::isatty(fd) == 0 || ::tcgetattr(fd, &before_) != 0) return;
    termios raw = before_;
    // The image's terminal does the line editing. Output processing stays, since the kernel's log has plain newlines; so do the signals
    // of Ctrl-C and Ctrl-\.
    raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR | IGNCR | ISTRIP | BRKINT);
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    // A stopped command would leave the terminal as it is now.
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    changed_ = ::tcsetattr(fd, TCSADRAIN, &raw) == 0;
}

RawTerminal::~RawTerminal() {
    if (changed_) ::tcsetattr(fd_, TCSADRAIN, &before_);
}

}  // namespace eremite::cli

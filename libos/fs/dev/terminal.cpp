#include "libos/fs/dev/terminal.hpp"

#include <signal.h>

#include <algorithm>

namespace eremite::fs::dev {

void Terminal::set_settings(const struct ::termios& settings) {
    settings_ = settings;
    if (!local(ICANON)) lines_end_ = length_;
}

void Terminal::echo(Reaction& reaction, char c) const {
    if (!local(ECHO)) {
        if (c != '\n' || !local(ECHONL) || !local(ICANON)) return;
    }
    const bool control = static_cast<unsigned char>(c) < 32 || c == 127;
    if (c == '\n' && (settings_.c_oflag & OPOST) != 0 && (settings_.c_oflag & ONLCR) != 0) {
        reaction.echo[reaction.echo_length++] = '\r';
        reaction.echo[reaction.echo_length++] = '\n';
    } else if (control && local(ECHOCTL) && c != '\n' && c != '\t') {
        reaction.echo[reaction.echo_length++] = '^';
        reaction.echo[reaction.echo_length++] = static_cast<char>(c ^ 64);
    } else {
        reaction.echo[reaction.echo_length++] = c;
    }
}

// Takes the last character of the line back: all bytes of it when the text is UTF-8.
void Terminal::erase(Reaction& reaction) {
    if (length_ == lines_end_) return;
    if ((settings_.c_iflag & IUTF8) != 0) {
        while (length_ - lines_end_ > 1 && (queue_[length_ - 1] & 0xc0) == 0x80) --length_;
    }
    --length_;
    if (local(ECHO) && local(ECHOE)) {
        reaction.echo = {'\b', ' ', '\b'};
        reaction.echo_length = 3;
    }
}

Terminal::Reaction Terminal::receive(char c) {
    Reaction reaction;
    if ((settings_.c_iflag & ISTRIP) != 0) c &= 0x7f;
    if (c == '\r') {
        if ((settings_.c_iflag & IGNCR) != 0) return reaction;
        if ((settings_.c_iflag & ICRNL) != 0) c = '\n';
    } else if (c == '\n' && (settings_.c_iflag & INLCR) != 0) {
        c = '\r';
    }
    const auto is = [&](int key) { return settings_.c_cc[key] != 0 && static_cast<unsigned char>(c) == settings_.c_cc[key]; };
    if (local(ISIG)) {
        if (is(VINTR)) reaction.signal = SIGINT;
        else if (is(VQUIT)) reaction.signal = SIGQUIT;
        else if (is(VSUSP)) reaction.signal = SIGTSTP;
        if (reaction.signal != 0) {
            echo(reaction, c);
            if (!local(NOFLSH)) discard_input();
            return reaction;
        }
    }
    if (local(ICANON)) {
        if (is(VERASE)) {
            erase(reaction);
            return reaction;
        }
        if (is(VKILL)) {
            length_ = lines_end_;
            echo(reaction, '\n');
            return reaction;
        }
        if (is(VEOF)) {
            if (length_ < capacity) queue_[length_++] = end_mark;
            lines_end_ = length_;
            return reaction;
        }
        // The last place is kept for the end of the line, so that a line that is too long can still be finished.
        const bool ends_line = c == '\n' || is(VEOL);
        if (length_ >= (ends_line ? capacity : capacity - 1)) {
            if (ends_line) lines_end_ = length_;
            return reaction;
        }
        queue_[length_++] = static_cast<unsigned char>(c);
        echo(reaction, c);
        if (ends_line) lines_end_ = length_;
        return reaction;
    }
    if (length_ == capacity) return reaction;
    queue_[length_++] = static_cast<unsigned char>(c);
    lines_end_ = length_;
    echo(reaction, c);
    return reaction;
}

bool Terminal::readable() const {
    if (local(ICANON)) return lines_end_ > 0;
    return lines_end_ >= std::max<size_t>(settings_.c_cc[VMIN], 1);
}

size_t Terminal::take(std::span<char> buffer) {
    size_t taken = 0;
    size_t used = 0;
    while (used < lines_end_ && taken < buffer.size()) {
        const uint16_t c = queue_[used++];
        if (c == end_mark) break;
        buffer[taken++] = static_cast<char>(c);
        if (local(ICANON) && (c == '\n' || (settings_.c_cc[VEOL] != 0 && c == settings_.c_cc[VEOL]))) break;
    }
    // An end of file right behind what was taken ends this read, not the next.
    if (taken > 0 && used < lines_end_ && queue_[used] == end_mark && queue_[used - 1] != '\n') ++used;
    std::copy(queue_.begin() + static_cast<ptrdiff_t>(used), queue_.begin() + static_cast<ptrdiff_t>(length_), queue_.begin());
    length_ -= used;
    lines_end_ -= used;
    return taken;
}

void Terminal::discard_input() { length_ = lines_end_ = 0; }

size_t Terminal::translate_output(std::span<const char> in, std::span<char> out) const {
    const bool translate = (settings_.c_oflag & OPOST) != 0 && (settings_.c_oflag & ONLCR) != 0;
    size_t length = 0;
    for (const char c : in) {
        if (translate && c == '\n') out[length++] = '\r';
        out[length++] = c;
    }
    return length;
}

}  // namespace eremite::fs::dev

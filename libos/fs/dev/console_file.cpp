#include "libos/fs/dev/console_file.hpp"

#include <asm/ioctls.h>

#include <algorithm>
#include <array>
#include <new>

#include "libos/drivers/console.hpp"
#include "libos/fs/dev/console_terminal.hpp"
#include "libos/fs/dev/terminal.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs::dev {

namespace {

// One terminal for all who opened it, used under the lock. Waiting is done without.
constinit sync::Spinlock terminal_lock{sync::Rank::File};
// Requires the lock. Made on first use: as initialized data its queue would lie in every image.
Terminal& terminal() {
    alignas(Terminal) static constinit unsigned char storage[sizeof(Terminal)]{};
    static constinit Terminal* made = nullptr;
    if (!made) made = new (storage) Terminal;
    return *made;
}
constinit std::atomic<SignalSender> signal_sender{nullptr};
constexpr int foreground_process_group = 1;

// Nobody is held up by what is not shown.
void echo(std::span<const char> text) {
    (void)drivers::console_send(ConsoleOutput::Standard, text, true);
    drivers::console_push(ConsoleOutput::Standard);
}

void receive(std::span<const char> bytes) {
    for (const char c : bytes) {
        Terminal::Reaction reaction;
        {
            const sync::Guard guard{terminal_lock};
            reaction = terminal().receive(c);
        }
        if (reaction.echo_length != 0) echo({reaction.echo.data(), reaction.echo_length});
        const SignalSender send = signal_sender.load(std::memory_order_relaxed);
        if (reaction.signal != 0 && send) send(reaction.signal);
    }
}

// Moves what the device has to the terminal, without waiting.
void receive_available() {
    std::array<char, 64> bytes;
    while (drivers::console_input().data) {
        const auto count = drivers::console_read(bytes, true);
        if (!count.ok() || count.value() == 0) return;
        receive(std::span{bytes}.first(count.value()));
    }
}

Result<size_t> read_terminal(std::span<char> bytes, bool nonblocking) {
    for (;;) {
        {
            const sync::Guard guard{terminal_lock};
            if (terminal().readable()) return terminal().take(bytes);
            const struct ::termios& settings = terminal().settings();
            if ((settings.c_lflag & ICANON) == 0 && settings.c_cc[VMIN] == 0 && settings.c_cc[VTIME] == 0) nonblocking = true;
        }
        std::array<char, 64> input;
        const size_t count = TRY(drivers::console_read(input, nonblocking));
        if (count == 0) return size_t{0};
        receive(std::span{input}.first(count));
    }
}

}  // namespace

void set_terminal_signal_sender(SignalSender sender) { signal_sender.store(sender, std::memory_order_relaxed); }

Result<size_t> ConsoleFile::read(IoBuffer& buffer) {
    if (buffer.remaining() == 0) return size_t{0};
    std::array<char, 1024> bytes;
    const std::span<char> room = std::span{bytes}.first(std::min(bytes.size(), buffer.remaining()));
    const size_t count =
        drivers::console_is_terminal() ? TRY(read_terminal(room, nonblocking())) : TRY(drivers::console_read(room, nonblocking()));
    // What was typed cannot be given back.
    buffer.wait_for_memory();
    const size_t copied = buffer.put(room.data(), count);
    if (copied == 0 && buffer.faulted()) return Error{EFAULT};
    return copied;
}

Result<size_t> ConsoleFile::write(IoBuffer& buffer) {
    const bool is_terminal = drivers::console_is_terminal();
    buffer.wait_for_memory();
    std::array<char, 512> bytes;
    size_t done = 0;
    Result<void> sent{};
    while (buffer.remaining() > 0) {
        const size_t piece = std::min(bytes.size(), buffer.remaining());
        const size_t taken = buffer.take(bytes.data(), piece);
        const auto text = std::span<const char>{bytes}.first(taken);
        if (is_terminal) {
            std::array<char, 2 * bytes.size()> translated;
            size_t length = 0;
            {
                const sync::Guard guard{terminal_lock};
                length = terminal().translate_output(text, translated);
            }
            sent = drivers::console_send(output_, std::span<const char>{translated}.first(length), nonblocking());
        } else {
            sent = drivers::console_send(output_, text, nonblocking());
        }
        if (!sent.ok()) break;
        done += taken;
        if (taken < piece) break;
    }
    drivers::console_push(output_);
    if (done != 0) return done;
    if (!sent.ok()) return sent.error();
    if (buffer.faulted()) return Error{EFAULT};
    return done;
}

uint32_t ConsoleFile::readiness() {
    const uint32_t ready = writable() && drivers::console_writable(output_) ? POLLOUT | POLLWRNORM : 0;
    if (!readable()) return ready;
    drivers::ConsoleInput input = drivers::console_input();
    if (drivers::console_is_terminal()) {
        receive_available();
        const sync::Guard guard{terminal_lock};
        // The end of a terminal's input is something to be read.
        input.data = input.ended || terminal().readable();
    }
    return ready | (input.data ? POLLIN | POLLRDNORM : 0) | (input.ended ? POLLHUP : 0);
}

Result<long> ConsoleFile::ioctl(uint32_t request, uint64_t argument) {
    const bool is_terminal = drivers::console_is_terminal();
    if (request == FIONREAD) {
        int count = drivers::console_input().data ? 1 : 0;
        if (is_terminal) {
            receive_available();
            const sync::Guard guard{terminal_lock};
            count = static_cast<int>(terminal().available());
        }
        TRY(mm::copy_to_user(VirtualAddress{argument}, &count, sizeof count));
        return 0L;
    }
    if (!is_terminal) return Error{ENOTTY};
    switch (request) {
        case TCGETS: {
            struct ::termios settings;
            {
                const sync::Guard guard{terminal_lock};
                settings = terminal().settings();
            }
            TRY(mm::copy_to_user(VirtualAddress{argument}, &settings, sizeof settings));
            return 0L;
        }
        case TCSETS:
        case TCSETSW:
        case TCSETSF: {
            struct ::termios settings;
            TRY(mm::copy_from_user(&settings, VirtualAddress{argument}, sizeof settings));
            const sync::Guard guard{terminal_lock};
            if (request == TCSETSF) terminal().discard_input();
            terminal().set_settings(settings);
            return 0L;
        }
        case TIOCGWINSZ: {
            Terminal::WindowSize window;
            {
                const sync::Guard guard{terminal_lock};
                window = terminal().window();
            }
            TRY(mm::copy_to_user(VirtualAddress{argument}, &window, sizeof window));
            return 0L;
        }
        case TIOCSWINSZ: {
            Terminal::WindowSize window;
            TRY(mm::copy_from_user(&window, VirtualAddress{argument}, sizeof window));
            const sync::Guard guard{terminal_lock};
            terminal().set_window(window);
            return 0L;
        }
        case TIOCGPGRP:
        case TIOCGSID:
            TRY(mm::copy_to_user(VirtualAddress{argument}, &foreground_process_group, sizeof foreground_process_group));
            return 0L;
        case TIOCSPGRP:
        case TIOCSCTTY:
            // There is one process, and the terminal is its own already.
            return 0L;
        case TCFLSH: {
            const sync::Guard guard{terminal_lock};
            if (argument == TCIFLUSH || argument == TCIOFLUSH) terminal().discard_input();
            return 0L;
        }
        case TCSBRK:
        case TCSBRKP:
            // Output is never held back, so there is nothing to wait for.
            return 0L;
        default: return Error{ENOTTY};
    }
}

}  // namespace eremite::fs::dev

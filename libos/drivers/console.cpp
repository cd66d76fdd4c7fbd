#include "libos/drivers/console.hpp"

#include <poll.h>

#include "abi/host_channel.hpp"
#include "base/restart.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/drivers/console_setup.hpp"
#include "libos/drivers/host_channel.hpp"
#include "libos/drivers/interrupts.hpp"
#include "libos/drivers/io_apic.hpp"
#include "libos/drivers/serial.hpp"
#include "libos/drivers/streams.hpp"
#include "libos/log/log.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::drivers {

namespace {

constexpr unsigned serial_interrupt_line = 4;  // COM1

constinit Serial serial{};
constinit ConsoleSetup setup{};

// Received bytes that no read has taken yet.
class InputQueue {
public:
    [[nodiscard]] bool empty() const { return head_ == tail_; }
    [[nodiscard]] bool full() const { return tail_ - head_ == sizeof(bytes_); }
    void push(uint8_t byte) { bytes_[tail_++ % sizeof(bytes_)] = byte; }
    uint8_t pop() { return bytes_[head_++ % sizeof(bytes_)]; }

private:
    uint8_t bytes_[4096]{};
    uint32_t head_ = 0, tail_ = 0;
};
constinit InputQueue queue{};
constinit bool after_escape = false;
constinit bool ended = false;
constinit bool listening = false;

void receive(uint8_t byte) {
    if (setup.framed_input && !after_escape && byte == abi::stdin_escape) {
        after_escape = true;
        return;
    }
    if (setup.framed_input && after_escape) {
        after_escape = false;
        if (byte == 'E') {
            ended = true;
            return;
        }
    }
    if (!ended) queue.push(byte);
}

// Keeps together what is written at once.
constinit sync::Spinlock output_lock{sync::Rank::Console};
// Guards all that belongs to the input.
constinit sync::Spinlock input_lock{sync::Rank::Input};
// Threads that wait for input.
sched::WaitQueue& waiting() {
    alignas(sched::WaitQueue) static constinit unsigned char storage[sizeof(sched::WaitQueue)]{};
    static constinit sched::WaitQueue* queue = nullptr;
    if (!queue) queue = new (storage) sched::WaitQueue{};
    return *queue;
}

// Who waits for input with other files (poll and the like).
constinit fs::ReadinessSource source{};

// Waiting threads look at their device themselves: that an interrupt came is all they need to know.
void input_came() {
    const sync::Guard guard{input_lock};
    waiting().wake_all();
    source.notify(POLLIN | POLLRDNORM | POLLHUP);
}
void output_has_room() { source.notify(POLLOUT | POLLWRNORM); }

constexpr Interrupt interrupt{[](void*) { input_came(); }, nullptr};

// Requires the lock of the input.
bool has_input_device() { return stream_for(ConsoleOutput::Standard, 0) || serial.present(); }
void receive_available() {
    Stream* const stream = stream_for(ConsoleOutput::Standard, 0);
    do {
        while (!queue.full()) {
            const auto byte = stream ? stream->read() : serial.read();
            if (!byte) break;
            receive(*byte);
        }
        if (stream && stream->input_failed()) ended = true;
        // Whoever takes from the queue asks for more.
    } while (stream && !queue.full() && stream->listen());
}

// The interrupt is only wanted by programs that read their input.
void listen() {
    if (listening || stream_for(ConsoleOutput::Standard, 0) || !serial.present()) return;
    listening = true;
    const auto vector = connect_interrupt(0, interrupt);
    if (!vector.ok() || !route_interrupt(serial_interrupt_line, 0, vector.value()).ok()) {
        log::warn("no interrupt for the console's input");
        return;
    }
    serial.enable_receive_interrupt();
}

}  // namespace

void start_console(const ConsoleSetup& wanted) {
    setup = wanted;
    // From here on input is not lost: the command waits for a sign of that. A virtio console keeps it anyway.
    if (!wanted.virtio) report("stat boot.console_tsc {}", arch::cycle_counter());
    else want_streams({.input = input_came, .room = output_has_room});
}

void start_serial() {
    serial.start(abi::serial_port);
    start_host_channel();
}

void console_write(std::span<const char> text) {
    const sync::Guard guard{output_lock};
    serial.write(text);
}

void console_write_error(std::span<const char> text) {
    const sync::Guard guard{output_lock};
    if (has_log_port()) write_log_port(text);
    else serial.write(text);
}

Result<void> console_send(ConsoleOutput output, std::span<const char> text, bool nonblocking) {
    if (Stream* const stream = stream_for(output, text.size())) return stream->write(text, nonblocking);
    if (output == ConsoleOutput::Error) console_write_error(text);
    else console_write(text);
    return {};
}

void console_push(ConsoleOutput output) {
    if (Stream* const stream = stream_for(output, 0)) stream->push();
}

bool console_writable(ConsoleOutput output) {
    Stream* const stream = stream_for(output, 0);
    return !stream || stream->writable();
}

void finish_console() {
    for (const ConsoleOutput output : {ConsoleOutput::Standard, ConsoleOutput::Error})
        if (Stream* const stream = stream_for(output, 0)) stream->flush();
}

Result<size_t> console_read(std::span<char> buffer, bool nonblocking) {
    if (buffer.empty()) return size_t{0};
    start_streams();
    const sync::Guard guard{input_lock};
    listen();
    receive_available();
    while (queue.empty() && !ended && has_input_device()) {
        if (nonblocking) return Error{EAGAIN};
        if (waiting().wait(input_lock) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
        receive_available();
    }
    size_t count = 0;
    while (count < buffer.size() && !queue.empty()) buffer[count++] = static_cast<char>(queue.pop());
    return count;
}

ConsoleInput console_input() {
    start_streams();
    const sync::Guard guard{input_lock};
    listen();
    receive_available();
    return {!queue.empty(), ended || !has_input_device()};
}

fs::ReadinessSource& console_readiness_source() { return source; }

bool console_is_terminal() { return setup.terminal; }

}  // namespace eremite::drivers

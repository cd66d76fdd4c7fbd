#include "vmm/platform/serial.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vmm/output.hpp"

namespace eremite::vmm {

namespace {

enum Register : uint64_t { Data, InterruptEnable, InterruptIdentity, LineControl, ModemControl, LineStatus, ModemStatus, Scratch };
constexpr uint8_t enable_received = 1, enable_sent = 2;
constexpr uint8_t nothing_pending = 1, sent_pending = 2, received_pending = 4, fifos_are_on = 0xc0;
constexpr uint8_t divisor_access = 0x80, clear_receiver = 2;
constexpr uint8_t data_ready = 1, transmitter_empty = 0x60;
constexpr uint8_t loop_back = 0x10, connected = 0xb0;  // clear to send, data set ready, carrier

}  // namespace

Serial::Serial(EventLoop& loop, int input, int output, int interrupt)
    : loop_{loop}, input_{input}, output_{output}, interrupt_{interrupt}, room_{make_event()} {
    loop_.add_event(room_.get(), [this] {
        const std::lock_guard guard{lock_};
        watch_input();
    });
}

// Bytes are read from the input only while there is room for them, so that whoever writes them is held up and nothing is lost; and only for a machine
// that wants to hear of them, since it may have another way to the same input.
void Serial::watch_input() {
    const bool wanted = input_ >= 0 && !ended_ && count_ < fifo_size && (interrupt_enable_ & enable_received) != 0;
    if (wanted == watched_) return;
    watched_ = wanted;
    if (wanted) loop_.add(input_, EPOLLIN, [this](uint32_t) { take_input(); });
    else loop_.remove(input_);
}

void Serial::take_input() {
    const std::lock_guard guard{lock_};
    std::array<uint8_t, fifo_size> bytes;
    const ssize_t got = ::read(input_, bytes.data(), fifo_size - count_);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) ended_ = true;
    for (ssize_t i = 0; i < got; ++i) fifo_[(first_ + count_++) % fifo_size] = bytes[static_cast<size_t>(i)];
    watch_input();
    raise_if_due();
}

void Serial::save(StateWriter& state) {
    const std::lock_guard guard{lock_};
    state.begin("serial port");
    state.add(fifo_);
    state.add<uint64_t>(first_);
    state.add<uint64_t>(count_);
    for (const uint8_t value : {interrupt_enable_, line_control_, modem_control_, scratch_, divisor_low_, divisor_high_, uint8_t{sent_is_due_}}) state.add(value);
}

void Serial::restore(StateReader& state) {
    const std::lock_guard guard{lock_};
    state.begin("serial port");
    fifo_ = state.take<decltype(fifo_)>();
    first_ = state.take<uint64_t>() % fifo_size;
    count_ = std::min<uint64_t>(state.take<uint64_t>(), fifo_size);
    for (uint8_t* const value : {&interrupt_enable_, &line_control_, &modem_control_, &scratch_, &divisor_low_, &divisor_high_}) *value = state.take<uint8_t>();
    sent_is_due_ = state.take<uint8_t>() != 0;
    signal_event(room_.get());
}

void Serial::raise_if_due() {
    const bool received = count_ != 0 && (interrupt_enable_ & enable_received) != 0;
    const bool sent = sent_is_due_ && (interrupt_enable_ & enable_sent) != 0;
    if (received || sent) signal_event(interrupt_);
}

void Serial::read(uint64_t offset, std::span<std::byte> data) {
    std::fill(data.begin(), data.end(), std::byte{0});
    if (data.empty() || offset >= size) return;
    const std::lock_guard guard{lock_};
    data[0] = std::byte{read_register(offset)};
}

void Serial::write(uint64_t offset, std::span<const std::byte> data) {
    if (data.empty() || offset >= size) return;
    if (offset == Data && (line_control_ & divisor_access) == 0) return send(data);
    const std::lock_guard guard{lock_};
    write_register(offset, std::to_integer<uint8_t>(data[0]));
}

// A reader of the output that is slow holds up the processor that writes, and nobody who needs the lock.
void Serial::send(std::span<const std::byte> data) {
    bool back = false;
    {
        const std::lock_guard guard{lock_};
        back = (modem_control_ & loop_back) != 0;
        for (size_t i = 0; back && i < data.size() && count_ < fifo_size; ++i) fifo_[(first_ + count_++) % fifo_size] = std::to_integer<uint8_t>(data[i]);
    }
    if (!back && output_ >= 0) write_all(output_, data);
    const std::lock_guard guard{lock_};
    sent_is_due_ = true;
    raise_if_due();
}

uint8_t Serial::read_register(uint64_t offset) {
    const bool divisor = (line_control_ & divisor_access) != 0;
    switch (offset) {
        case Data: {
            if (divisor) return divisor_low_;
            if (count_ == 0) return 0;
            const uint8_t byte = fifo_[first_];
            first_ = (first_ + 1) % fifo_size;
            if (count_-- == fifo_size) signal_event(room_.get());
            // Its level stays high while there is more, but only edges are passed on.
            if (count_ != 0) raise_if_due();
            return byte;
        }
        case InterruptEnable: return divisor ? divisor_high_ : interrupt_enable_;
        case InterruptIdentity:
            if (count_ != 0 && (interrupt_enable_ & enable_received) != 0) return fifos_are_on | received_pending;
            if (sent_is_due_ && (interrupt_enable_ & enable_sent) != 0) {
                sent_is_due_ = false;
                return fifos_are_on | sent_pending;
            }
            return fifos_are_on | nothing_pending;
        case LineControl: return line_control_;
        case ModemControl: return modem_control_;
        case LineStatus: return transmitter_empty | (count_ != 0 ? data_ready : 0);
        case ModemStatus: return connected;
        default: return scratch_;
    }
}

void Serial::write_register(uint64_t offset, uint8_t value) {
    const bool divisor = (line_control_ & divisor_access) != 0;
    switch (offset) {
        case Data: divisor_low_ = value; break;
        case InterruptEnable:
            if (divisor) {
                divisor_high_ = value;
                break;
            }
            interrupt_enable_ = value & 0xf;
            signal_event(room_.get());  // the input is watched by its own thread
            sent_is_due_ = true;
            raise_if_due();
            break;
        case InterruptIdentity:  // written, it is the FIFO's control
            if ((value & clear_receiver) != 0) {
                if (count_ == fifo_size) signal_event(room_.get());
                count_ = 0;
            }
            break;
        case LineControl: line_control_ = value; break;
        case ModemControl: modem_control_ = value; break;
        case Scratch: scratch_ = value; break;
        default: break;
    }
}

}  // namespace eremite::vmm

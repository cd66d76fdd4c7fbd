#include "libos/fs/remote/channel.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::remote {

namespace {

constexpr unsigned memory_order = 1;
static_assert(Exchange::memory_size == page_size << memory_order);

}  // namespace

size_t Channel::total(std::span<const Segment> segments) {
    size_t sum = 0;
    for (const Segment& s : segments) sum += s.size();
    return sum;
}

Channel::Channel(Transport& transport)
    : transport_{transport},
      most_data_segments_{std::min<size_t>(Exchange::most_data_segments, transport.limits().segments - Exchange::most_other_segments)},
      free_numbers_{transport.limits().messages >= 64 ? ~uint64_t{0} : (uint64_t{1} << transport.limits().messages) - 1} {}

Channel::~Channel() {
    while (Exchange* exchange = idle_.pop_front()) {
        mm::page_allocator().free(physical_of_direct_map(VirtualAddress{exchange->memory_}), memory_order);
        delete exchange;
    }
}

Result<Exchange*> Channel::make_exchange(uint16_t number) {
    const PhysicalAddress memory = TRY(mm::page_allocator().allocate(memory_order));
    auto* const exchange = new (std::nothrow) Exchange;
    if (!exchange) {
        mm::page_allocator().free(memory, memory_order);
        return Error{ENOMEM};
    }
    exchange->channel_ = this;
    exchange->memory_ = direct_map(memory).as<uint8_t>();
    exchange->number_ = number;
    exchange->done = done;
    return exchange;
}

Result<Exchange*> Channel::take() {
    uint16_t number = 0;
    {
        const sync::Guard guard{lock_};
        while (idle_.empty() && free_numbers_ == 0) waiting_.wait_uninterruptibly(lock_);
        if (Exchange* exchange = idle_.pop_front()) return exchange;
        number = static_cast<uint16_t>(std::countr_zero(free_numbers_));
        free_numbers_ &= ~(uint64_t{1} << number);
    }
    auto made = make_exchange(number);
    const sync::Guard guard{lock_};
    if (made.ok()) {
        ++exchanges_;
        return made;
    }
    // Those that there are have to do.
    free_numbers_ |= uint64_t{1} << number;
    waiting_.wake_all();
    if (exchanges_ == 0) return made.error();
    while (idle_.empty()) waiting_.wait_uninterruptibly(lock_);
    return idle_.pop_front();
}

void Channel::release(Exchange& exchange) {
    for (;;) {
        std::optional<uint64_t> farewell;
        {
            const sync::Guard guard{lock_};
            farewell = next_farewell();
            if (!farewell) {
                exchange.state_ = Exchange::State::Idle;
                idle_.push_front(exchange);
                waiting_.wake_one();
                return;
            }
        }
        if (try_farewell(exchange, *farewell)) return;
    }
}

void Channel::send_farewell(Exchange& exchange, uint64_t farewell) {
    if (!try_farewell(exchange, farewell)) release(exchange);
}

// False: the connection is broken, and the server does not need to know any more.
bool Channel::try_farewell(Exchange& exchange, uint64_t farewell) {
    const Farewell sizes = encode_farewell(exchange, farewell);
    const Segment request = exchange.memory().first(sizes.request);
    exchange.farewell_ = farewell;
    if (send(exchange, std::span{&request, 1}, {}, exchange.memory().subspan(align_up(sizes.request, 16), sizes.reply), {}).ok()) return true;
    exchange.farewell_.reset();
    answered(farewell);
    return false;
}

void Channel::done(Transport::Message& message, size_t written, int error) {
    auto& exchange = static_cast<Exchange&>(message);
    Channel& channel = *exchange.channel_;
    std::optional<uint64_t> farewell;
    {
        const sync::Guard guard{channel.lock_};
        exchange.written_ = written;
        exchange.error_ = error;
        exchange.state_ = Exchange::State::Done;
        farewell = std::exchange(exchange.farewell_, std::nullopt);
        if (!farewell) {
            exchange.waiting_.wake_one();
            return;
        }
    }
    channel.answered(*farewell);
    channel.release(exchange);
}

Result<void> Channel::send(Exchange& exchange, std::span<const Segment> message, std::span<const Segment> data, Segment reply,
                           std::span<const Segment> room) {
    if (message.size() >= Exchange::most_other_segments || data.size() + room.size() > most_data_segments_) return Error{EINVAL};
    const auto behind = std::copy(message.begin(), message.end(), exchange.request_segments_.begin());
    const auto request_end = std::copy(data.begin(), data.end(), behind);
    auto reply_end = exchange.reply_segments_.begin();
    if (!reply.empty()) {
        *reply_end = reply;
        reply_end = std::copy(room.begin(), room.end(), reply_end + 1);
    }
    exchange.request = {exchange.request_segments_.begin(), request_end};
    exchange.reply = {exchange.reply_segments_.begin(), reply_end};
    exchange.state_ = Exchange::State::UnderWay;
    return transport_.submit(exchange);
}

Result<size_t> Channel::run(Exchange& exchange, std::span<const Segment> message, std::span<const Segment> data, Segment reply,
                            std::span<const Segment> room) {
    TRY(send(exchange, message, data, reply, room));
    const sync::Guard guard{lock_};
    while (exchange.state_ == Exchange::State::UnderWay) exchange.waiting_.wait_uninterruptibly(lock_);
    if (exchange.error_ != 0) return Error{EIO};
    return exchange.written_;
}

}  // namespace eremite::fs::remote

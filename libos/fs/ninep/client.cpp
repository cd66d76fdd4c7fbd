#include "libos/fs/ninep/client.hpp"

#include <algorithm>

#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ninep {

namespace {

constexpr unsigned memory_order = 1;
static_assert(Exchange::memory_size == page_size << memory_order);

size_t total(std::span<const Segment> segments) {
    size_t sum = 0;
    for (const Segment& s : segments) sum += s.size();
    return sum;
}

}  // namespace

Fid::~Fid() { client_.give_up(*this); }

Client::Client(Transport& transport)
    : transport_{transport}, limits_{transport.limits()}, free_tags_{limits_.messages >= 64 ? ~uint64_t{0} : (uint64_t{1} << limits_.messages) - 1} {}

Client::~Client() {
    while (Exchange* exchange = idle_.pop_front()) {
        mm::page_allocator().free(physical_of_direct_map(VirtualAddress{exchange->memory_}), memory_order);
        delete exchange;
    }
}

Result<Exchange*> Client::make_exchange(uint16_t tag) {
    const PhysicalAddress memory = TRY(mm::page_allocator().allocate(memory_order));
    auto* const exchange = new (std::nothrow) Exchange;
    if (!exchange) {
        mm::page_allocator().free(memory, memory_order);
        return Error{ENOMEM};
    }
    exchange->client_ = this;
    exchange->memory_ = direct_map(memory).as<uint8_t>();
    exchange->tag_ = tag;
    exchange->done = done;
    return exchange;
}

Result<Exchange*> Client::take() {
    uint16_t tag = 0;
    {
        const sync::Guard guard{lock_};
        while (idle_.empty() && free_tags_ == 0) waiting_.wait_uninterruptibly(lock_);
        if (Exchange* exchange = idle_.pop_front()) return exchange;
        tag = static_cast<uint16_t>(std::countr_zero(free_tags_));
        free_tags_ &= ~(uint64_t{1} << tag);
    }
    auto made = make_exchange(tag);
    const sync::Guard guard{lock_};
    if (made.ok()) {
        ++exchanges_;
        return made;
    }
    // Those that there are have to do.
    free_tags_ |= uint64_t{1} << tag;
    waiting_.wake_all();
    if (exchanges_ == 0) return made.error();
    while (idle_.empty()) waiting_.wait_uninterruptibly(lock_);
    return idle_.pop_front();
}

void Client::release(Exchange& exchange) {
    std::optional<uint32_t> number;
    {
        const sync::Guard guard{lock_};
        number = fids_.next_to_clunk();
        if (!number) {
            exchange.state_ = Exchange::State::Idle;
            idle_.push_front(exchange);
            waiting_.wake_one();
            return;
        }
    }
    send_clunk(exchange, *number);
}

void Client::give_up(const Fid& fid) {
    Exchange* exchange = nullptr;
    {
        const sync::Guard guard{lock_};
        if (!fid.known_) fids_.give_back(fid.number_);
        else if (!(exchange = idle_.pop_front())) fids_.postpone(fid.number_);
    }
    if (exchange) send_clunk(*exchange, fid.number_);
}

void Client::send_clunk(Exchange& exchange, uint32_t number) {
    exchange.clunked_ = number;
    if (send(exchange, AnyRequest{Clunk{number}}, {}, {}).ok()) return;
    // The connection is broken: the number does not matter any more.
    exchange.clunked_ = no_fid;
    const sync::Guard guard{lock_};
    exchange.state_ = Exchange::State::Idle;
    idle_.push_front(exchange);
    waiting_.wake_one();
}

void Client::done(Transport::Message& message, size_t written, int error) {
    auto& exchange = static_cast<Exchange&>(message);
    Client& client = *exchange.client_;
    {
        const sync::Guard guard{client.lock_};
        exchange.written_ = written;
        exchange.error_ = error;
        exchange.state_ = Exchange::State::Done;
        if (exchange.clunked_ == no_fid) {
            exchange.waiting_.wake_one();
            return;
        }
        client.fids_.give_back(std::exchange(exchange.clunked_, no_fid));
    }
    client.release(exchange);
}

Result<void> Client::send(Exchange& exchange, const AnyRequest& request, std::span<const Segment> data, std::span<const Segment> room) {
    const size_t most = std::min<size_t>(Exchange::most_data_segments, limits_.segments - 2);
    if (data.size() > most || room.size() > most) return Error{EINVAL};
    const auto memory = memory_of(exchange);
    const size_t size = TRY(request.encode(memory, exchange.tag_, total(data)));
    const auto reply = memory.subspan(align_up(size, 16));
    exchange.request_segments_[0] = memory.first(size);
    std::copy(data.begin(), data.end(), &exchange.request_segments_[1]);
    exchange.reply_segments_[0] = room.empty() ? reply : reply.first(data_reply_header);
    std::copy(room.begin(), room.end(), &exchange.reply_segments_[1]);
    exchange.request = std::span{exchange.request_segments_}.first(1 + data.size());
    exchange.reply = std::span{exchange.reply_segments_}.first(1 + room.size());
    exchange.state_ = Exchange::State::UnderWay;
    return transport_.submit(exchange);
}

Result<std::span<const uint8_t>> Client::run(Exchange& exchange, const AnyRequest& request, std::span<const Segment> data,
                                             std::span<const Segment> room) {
    TRY(send(exchange, request, data, room));
    {
        const sync::Guard guard{lock_};
        while (exchange.state_ == Exchange::State::UnderWay) exchange.waiting_.wait_uninterruptibly(lock_);
    }
    if (exchange.error_ != 0) return Error{EIO};
    const Segment reply = exchange.reply_segments_[0];
    return check_reply(reply.first(std::min(reply.size(), exchange.written_)), exchange.written_, request.type(), exchange.tag_);
}

Result<size_t> Client::run_for_data(const AnyRequest& request, std::span<const Segment> room) {
    const Use exchange{*this, *TRY(take())};
    Decoder d{TRY(run(*exchange, request, {}, room))};
    uint32_t count = 0;
    d(count);
    if (d.bad() || count > total(room) || count > exchange->written_ - data_reply_header) return Error{EIO};
    return count;
}

Result<void> Client::transact(const AnyRequest& request, UseFields use, void* context) {
    const Use exchange{*this, *TRY(take())};
    Decoder fields{TRY(run(*exchange, request))};
    return use(fields, context);
}

Result<void> Client::start(uint32_t data_size) {
    const uint32_t wanted = data_size + io_header;
    Exchange& exchange = *TRY(take());
    const Use use{*this, exchange};
    const uint16_t tag = std::exchange(exchange.tag_, no_tag);
    const auto agree = [&]() -> Result<void> {
        Decoder d{TRY(run(exchange, AnyRequest{Version{wanted}}))};
        Version::Reply reply;
        reply.decode(d);
        if (d.bad() || reply.message_size > wanted) return Error{EIO};
        // What has no data fits into an exchange's memory, and has to fit into a message.
        if (reply.version != protocol_name || reply.message_size < Exchange::memory_size) return Error{ENOTSUP};
        message_size_ = reply.message_size;
        return {};
    };
    const auto agreed = agree();
    exchange.tag_ = tag;
    return agreed;
}

Result<Ref<Fid>> Client::new_fid() {
    uint32_t number = 0;
    {
        const sync::Guard guard{lock_};
        number = TRY(fids_.take());
    }
    auto fid = make_ref<Fid>(*this, number);
    if (!fid.ok()) {
        const sync::Guard guard{lock_};
        fids_.give_back(number);
    }
    return fid;
}

Result<Client::Walked> Client::attach(std::string_view tree) {
    Ref<Fid> fid = TRY(new_fid());
    const auto reply = call(Attach{fid->number(), "root", tree, 0});
    note(*fid, reply.code());
    if (!reply.ok()) return reply.error();
    return Walked{std::move(fid), reply.value().qid};
}

Result<Client::Walked> Client::walk(const Fid& from, std::string_view name) {
    Ref<Fid> fid = TRY(new_fid());
    const auto reply = call(Walk{from.number(), fid->number(), name});
    note(*fid, reply.code());
    if (!reply.ok()) return reply.error();
    // Only a walk of several names may end early, without a new fid (walk(5)).
    if (reply.value().count != (name.empty() ? 0 : 1)) {
        fid->known_ = false;
        return Error{ENOENT};
    }
    return Walked{std::move(fid), reply.value().qid};
}

Result<size_t> Client::read(const Fid& fid, uint64_t offset, std::span<const Segment> into) {
    return run_for_data(AnyRequest{Read{fid.number(), offset, static_cast<uint32_t>(total(into))}}, into);
}

Result<size_t> Client::write(const Fid& fid, uint64_t offset, std::span<const Segment> from) {
    const size_t size = total(from);
    const Use exchange{*this, *TRY(take())};
    Decoder d{TRY(run(*exchange, AnyRequest{Write{fid.number(), offset, static_cast<uint32_t>(size)}}, from))};
    Write::Reply reply;
    reply.decode(d);
    if (d.bad() || reply.count > size) return Error{EIO};
    return reply.count;
}

Result<size_t> Client::read_directory(const Fid& fid, uint64_t offset, Segment into) {
    return run_for_data(AnyRequest{ReadDirectory{fid.number(), offset, static_cast<uint32_t>(into.size())}}, std::span{&into, 1});
}

Result<size_t> Client::get_xattr(const Fid& fid, std::string_view name, Segment buffer) {
    constexpr uint64_t longest = 65536;  // xattr(7), of values and of lists
    const Ref<Fid> value = TRY(new_fid());
    const auto reply = call(XattrWalk{fid.number(), value->number(), name});
    note(*value, reply.code());
    if (!reply.ok()) return reply.error();
    const uint64_t size = reply.value().size;
    if (size > longest) return Error{E2BIG};
    const size_t wanted = std::min<size_t>(size, buffer.size());
    for (size_t done = 0; done < wanted;) {
        const Segment piece = buffer.subspan(done, std::min<size_t>(wanted - done, io_unit()));
        const size_t got = TRY(read(*value, done, std::span{&piece, 1}));
        if (got == 0) return Error{EIO};
        done += got;
    }
    return size;
}

Result<void> Client::set_xattr(const Fid& fid, std::string_view name, Segment value, uint32_t flags) {
    const Walked target = TRY(walk(fid, {}));
    TRY(call(XattrCreate{target.fid->number(), name, value.size(), flags}));
    for (size_t done = 0; done < value.size();) {
        const Segment piece = value.subspan(done, std::min<size_t>(value.size() - done, io_unit()));
        const size_t written = TRY(write(*target.fid, done, std::span{&piece, 1}));
        if (written == 0) return Error{EIO};
        done += written;
    }
    target.fid->known_ = false;
    const auto set = call(Clunk{target.fid->number()});
    return set.ok() ? Result<void>{} : Result<void>{set.error()};
}

}  // namespace eremite::fs::ninep

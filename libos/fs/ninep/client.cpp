#include "libos/fs/ninep/client.hpp"

#include <algorithm>

namespace eremite::fs::ninep {

Fid::~Fid() { client_.give_up(*this); }

Result<size_t> Fid::read(uint64_t offset, std::span<const Segment> into) { return client_.read(*this, offset, into); }
Result<size_t> Fid::write(uint64_t offset, std::span<const Segment> from) { return client_.write(*this, offset, from); }
Result<size_t> Fid::read_directory(uint64_t cursor, Segment into) { return client_.read_directory(*this, cursor, into); }
Result<void> Fid::synchronize(bool data_only) {
    TRY(client_.call(Synchronize{number_, data_only}));
    return {};
}

void Client::give_up(const Fid& fid) {
    remote::Exchange* exchange = nullptr;
    {
        const sync::Guard guard{lock_};
        if (!fid.known_) fids_.give_back(fid.number_);
        else if (!(exchange = take_idle())) fids_.postpone(fid.number_);
    }
    if (exchange) send_farewell(*exchange, fid.number_);
}

Client::Farewell Client::encode_farewell(remote::Exchange& exchange, uint64_t number) {
    const auto size = AnyRequest{Clunk{static_cast<uint32_t>(number)}}.encode(exchange.memory(), exchange.number());
    // A clunk is short: it fits.
    return {size.ok() ? size.value() : 0, header_size + sizeof(uint32_t)};
}

void Client::answered(uint64_t number) {
    const sync::Guard guard{lock_};
    fids_.give_back(static_cast<uint32_t>(number));
}

Result<Client::Answer> Client::ask(remote::Exchange& exchange, uint16_t tag, const AnyRequest& request, std::span<const Segment> data,
                                   std::span<const Segment> room) {
    const auto memory = exchange.memory();
    const size_t size = TRY(request.encode(memory, tag, total(data)));
    const Segment message = memory.first(size);
    Segment reply = memory.subspan(align_up(size, 16));
    if (!room.empty()) reply = reply.first(data_reply_header);
    const size_t written = TRY(run(exchange, std::span{&message, 1}, data, reply, room));
    return Answer{TRY(check_reply(reply.first(std::min(reply.size(), written)), written, request.type(), tag)), written};
}

Result<size_t> Client::ask_for_data(const AnyRequest& request, std::span<const Segment> room) {
    const Use exchange{*this, *TRY(take())};
    const Answer answer = TRY(ask(*exchange, exchange->number(), request, {}, room));
    Decoder d{answer.fields};
    uint32_t count = 0;
    d(count);
    if (d.bad() || count > total(room) || count > answer.written - data_reply_header) return Error{EIO};
    return count;
}

Result<void> Client::transact(const AnyRequest& request, UseFields use, void* context) {
    const Use exchange{*this, *TRY(take())};
    Decoder fields{TRY(ask(*exchange, exchange->number(), request)).fields};
    return use(fields, context);
}

Result<void> Client::start(uint32_t data_size) {
    const uint32_t wanted = data_size + io_header;
    const Use exchange{*this, *TRY(take())};
    Decoder d{TRY(ask(*exchange, no_tag, AnyRequest{Version{wanted}})).fields};
    Version::Reply reply;
    reply.decode(d);
    if (d.bad() || reply.message_size > wanted) return Error{EIO};
    // What has no data fits into an exchange's memory, and has to fit into a message.
    if (reply.version != protocol_name || reply.message_size < remote::Exchange::memory_size) return Error{ENOTSUP};
    message_size_ = reply.message_size;
    return {};
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
    return ask_for_data(AnyRequest{Read{fid.number(), offset, static_cast<uint32_t>(total(into))}}, into);
}

Result<size_t> Client::write(const Fid& fid, uint64_t offset, std::span<const Segment> from) {
    const size_t size = total(from);
    const Use exchange{*this, *TRY(take())};
    const Write request{fid.number(), offset, static_cast<uint32_t>(size)};
    Decoder d{TRY(ask(*exchange, exchange->number(), AnyRequest{request}, from)).fields};
    Write::Reply reply;
    reply.decode(d);
    if (d.bad() || reply.count > size) return Error{EIO};
    return reply.count;
}

Result<size_t> Client::read_directory(const Fid& fid, uint64_t offset, Segment into) {
    return ask_for_data(AnyRequest{ReadDirectory{fid.number(), offset, static_cast<uint32_t>(into.size())}}, std::span{&into, 1});
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

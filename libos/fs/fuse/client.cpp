#include "libos/fs/fuse/client.hpp"

#include <algorithm>

namespace eremite::fs::fuse {

namespace {

constexpr uint32_t oldest_minor_version = 31;
constexpr uint32_t wanted_features = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DONT_MASK | FUSE_AUTO_INVAL_DATA |
                                     FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_DO_READDIRPLUS;

template <typename T>
Held::Words words(fuse_opcode opcode, uint64_t node, const T& arguments, bool answered) {
    Held::Words said{opcode, node, {}, sizeof arguments, answered};
    std::memcpy(said.arguments.data(), &arguments, sizeof arguments);
    return said;
}

// SAFETY: farewells are addresses of such objects.
Held& held_at(uint64_t address) { return *reinterpret_cast<Held*>(address); }

}  // namespace

std::optional<Held::Words> NodeId::farewell() const {
    if (lookups_ == 0 || number_ == FUSE_ROOT_ID) return std::nullopt;
    return words(FUSE_FORGET, number_, fuse_forget_in{lookups_}, false);
}

void NodeId::dispose() const { client_.let_go(const_cast<NodeId&>(*this)); }

std::optional<Held::Words> OpenHandle::farewell() const {
    if (!open_) return std::nullopt;
    fuse_release_in in{};
    in.fh = number_;
    in.flags = flags_;
    return words(directory_ ? FUSE_RELEASEDIR : FUSE_RELEASE, id_->number(), in, true);
}

void OpenHandle::dispose() const { client_.let_go(const_cast<OpenHandle&>(*this)); }

Result<size_t> OpenHandle::read_by(fuse_opcode opcode, uint64_t offset, std::span<const Segment> into) {
    fuse_read_in in{};
    in.fh = number_;
    in.offset = offset;
    in.size = static_cast<uint32_t>(Client::total(into));
    in.flags = flags_;
    return client_.call_for_data({opcode, id_->number(), in}, into);
}

Result<size_t> OpenHandle::read(uint64_t offset, std::span<const Segment> into) { return read_by(FUSE_READ, offset, into); }

Result<size_t> OpenHandle::read_directory(uint64_t cursor, Segment into, bool plus) {
    return read_by(plus ? FUSE_READDIRPLUS : FUSE_READDIR, cursor, std::span{&into, 1});
}

Result<size_t> OpenHandle::write(uint64_t offset, std::span<const Segment> from) {
    fuse_write_in in{};
    in.fh = number_;
    in.offset = offset;
    in.size = static_cast<uint32_t>(Client::total(from));
    in.flags = flags_;
    written_.store(true, std::memory_order_relaxed);
    const auto out = TRY(client_.call<fuse_write_out>({FUSE_WRITE, id_->number(), in}, from));
    if (out.size > in.size) return Error{EIO};
    return out.size;
}

Result<void> OpenHandle::synchronize(bool data_only) {
    fuse_fsync_in in{};
    in.fh = number_;
    in.fsync_flags = data_only ? FUSE_FSYNC_FDATASYNC : 0;
    const auto done = client_.call({directory_ ? FUSE_FSYNCDIR : FUSE_FSYNC, id_->number(), in});
    // A server that knows no such request has nothing to wait for.
    return done.code() == ENOSYS ? Result<void>{} : done;
}

// Only writes can have failed unnoticed.
Result<void> OpenHandle::flush() {
    if (directory_ || !written_.exchange(false, std::memory_order_relaxed)) return {};
    fuse_flush_in in{};
    in.fh = number_;
    const auto done = client_.call({FUSE_FLUSH, id_->number(), in});
    return done.code() == ENOSYS ? Result<void>{} : done;
}

Result<void> Client::start(uint32_t data_size) {
    fuse_init_in in{};
    in.major = FUSE_KERNEL_VERSION;
    in.minor = FUSE_KERNEL_MINOR_VERSION;
    in.max_readahead = data_size;
    in.flags = wanted_features;
    const auto out = TRY(call<fuse_init_out>({FUSE_INIT, 0, in}, {}, FUSE_COMPAT_INIT_OUT_SIZE));
    if (out.major != FUSE_KERNEL_VERSION || out.minor < oldest_minor_version) return Error{ENOTSUP};
    features_ = out.flags & wanted_features;
    // Without FUSE_MAX_PAGES the protocol's default.
    constexpr uint32_t default_pages = 32;
    const uint64_t most = (has(FUSE_MAX_PAGES) ? std::max<uint32_t>(out.max_pages, 1) : default_pages) * page_size;
    io_unit_ = static_cast<uint32_t>(std::min<uint64_t>({data_size, most, out.max_write}));
    return io_unit_ < page_size ? Result<void>{Error{ENOTSUP}} : Result<void>{};
}

Result<void> Client::ask(const Request& request, std::span<uint8_t> reply, std::span<const Segment> data, Room* room, size_t least) {
    const uint64_t kind = request.opcode() < 64 ? uint64_t{1} << request.opcode() : 0;
    if (unknown_requests_.load(std::memory_order_relaxed) & kind) return Error{ENOSYS};
    const Use exchange{*this, *TRY(take())};
    const uint64_t unique = next_unique();
    const auto memory = exchange->memory();
    const size_t size = TRY(request.encode(memory, unique, total(data)));
    // With data behind it, the header is a piece by itself: servers then take the data from where they are.
    const size_t cut = data.empty() ? size : sizeof(fuse_in_header);
    const std::array<Segment, 2> message{memory.first(cut), memory.subspan(cut, size - cut)};
    const Segment answer = memory.subspan(align_up(size, 16));
    if (answer.size() < sizeof(fuse_out_header) + reply.size()) return Error{EMSGSIZE};
    const size_t expected = sizeof(fuse_out_header) + reply.size();
    const size_t written = TRY(run(*exchange, std::span{message}.first(data.empty() ? 1 : 2), data, answer.first(expected),
                                   room ? room->segments : std::span<const Segment>{}));
    const Result<Reply> checked = check_reply(answer.first(std::min(expected, written)), written, unique);
    if (checked.code() == ENOSYS) unknown_requests_.fetch_or(kind, std::memory_order_relaxed);
    if (!checked.ok()) return checked.error();
    const std::span structure = checked.value().structure.first(std::min(checked.value().structure.size(), checked.value().size));
    if (structure.size() < least) return Error{EIO};
    if (!structure.empty()) std::memcpy(reply.data(), structure.data(), std::min(structure.size(), reply.size()));
    if (room) room->size = checked.value().size - reply.size();
    return {};
}

Result<size_t> Client::call_for_data(const Request& request, std::span<const Segment> segments) {
    Room room{segments, 0};
    TRY(ask(request, {}, {}, &room, 0));
    return room.size > total(segments) ? Result<size_t>{Error{EIO}} : Result<size_t>{room.size};
}

void Client::let_go(Held& held) {
    if (!held.farewell()) {
        delete &held;
        return;
    }
    remote::Exchange* exchange = nullptr;
    {
        const sync::Guard guard{lock_};
        exchange = take_idle();
        if (!exchange) postponed_.push_back(held);
    }
    if (exchange) send_farewell(*exchange, reinterpret_cast<uint64_t>(&held));
}

std::optional<uint64_t> Client::next_farewell() {
    Held* const held = postponed_.pop_front();
    return held ? std::optional{reinterpret_cast<uint64_t>(held)} : std::nullopt;
}

Client::Farewell Client::encode_farewell(remote::Exchange& exchange, uint64_t held) {
    const auto said = held_at(held).farewell();
    const std::span arguments = std::span{said->arguments}.first(said->size);
    const auto size = Request{said->opcode, said->node, arguments}.encode(exchange.memory(), next_unique(), 0);
    // It is short: it fits.
    return {size.ok() ? size.value() : 0, said->answered ? sizeof(fuse_out_header) : 0};
}

void Client::answered(uint64_t held) { delete &held_at(held); }

}  // namespace eremite::fs::fuse

#pragma once
// The client's side of a 9P connection: tags, fids and requests. Nothing that the server sends is trusted.
#include "libos/fs/ninep/fids.hpp"
#include "libos/fs/ninep/protocol.hpp"
#include "libos/fs/remote/channel.hpp"
#include "libos/fs/remote/handle.hpp"

namespace eremite::fs::ninep {

using remote::Segment;
class Client;

// What the server knows a file by. Given up when the last reference goes, which does not wait for the server.
class Fid final : public remote::Handle {
public:
    Fid(Client& client, uint32_t number) : client_{client}, number_{number} {}
    ~Fid() override;
    [[nodiscard]] uint32_t number() const { return number_; }

    // Requires of all these: it was opened.
    [[nodiscard]] Result<size_t> read(uint64_t offset, std::span<const Segment> into) override;
    [[nodiscard]] Result<size_t> write(uint64_t offset, std::span<const Segment> from) override;
    [[nodiscard]] Result<size_t> read_directory(uint64_t cursor, Segment into) override;
    [[nodiscard]] Result<void> synchronize(bool data_only) override;

private:
    friend class Client;
    Client& client_;
    const uint32_t number_;
    bool known_ = false;  // to the server
};

class Client final : private remote::Channel {
public:
    // The transport lives longer. Requires at the end: no request is under way, and no fid is left.
    explicit Client(remote::Transport& transport) : Channel{transport} {}

    // Agrees on version and message size, of at most `data_size` bytes of data. ENOTSUP: the server speaks something else; EIO; ENOMEM.
    [[nodiscard]] Result<void> start(uint32_t data_size);
    using Channel::most_data_segments;
    // The most that one read or write transfers.
    [[nodiscard]] uint32_t io_unit() const { return message_size_ - io_header; }

    // Sends a request and waits for the reply, which `use` sees while it is valid: views in it end with the call. The
    // server's errno; EIO: the connection is broken, or the reply makes no sense; ENOMEM; EMSGSIZE: a name is too long.
    template <typename Request, typename Use>
    [[nodiscard]] Result<void> call(const Request& request, Use&& use);
    // The same for replies that hold no views.
    template <typename Request>
    [[nodiscard]] Result<typename Request::Reply> call(const Request& request);

    // The root of the tree that is named `tree`.
    struct Walked {
        Ref<Fid> fid;
        Qid qid;
    };
    [[nodiscard]] Result<Walked> attach(std::string_view tree);
    // The file `name` in the directory `from`; without a name, `from` once more. ENOENT.
    [[nodiscard]] Result<Walked> walk(const Fid& from, std::string_view name);

    // Transfers between an open file and memory in the direct map, at most io_unit() bytes and Exchange::most_data_segments segments.
    [[nodiscard]] Result<size_t> read(const Fid& fid, uint64_t offset, std::span<const Segment> into);
    [[nodiscard]] Result<size_t> write(const Fid& fid, uint64_t offset, std::span<const Segment> from);
    // Entries of an open directory, for next_entry(). Returns their bytes.
    [[nodiscard]] Result<size_t> read_directory(const Fid& fid, uint64_t offset, Segment into);

    // Extended attributes; memory in the direct map. The size of the value, or without a name of the list of names, of which
    // `buffer` gets the beginning. ENODATA.
    [[nodiscard]] Result<size_t> get_xattr(const Fid& fid, std::string_view name, Segment buffer);
    // An empty value removes the attribute. `flags`: XATTR_*.
    [[nodiscard]] Result<void> set_xattr(const Fid& fid, std::string_view name, Segment value, uint32_t flags);

private:
    friend class Fid;

    // A fid that the server does not know yet.
    [[nodiscard]] Result<Ref<Fid>> new_fid();
    // Whether the server knows it after such an answer. If that cannot be said, it is told that the fid is not used any more.
    static void note(Fid& fid, int code) { fid.known_ = code == 0 || code == EIO; }
    void give_up(const Fid& fid);
    // call() with types forgotten: `use` gets the fields of the reply, and `context`.
    using UseFields = Result<void> (*)(Decoder& fields, void* context);
    [[nodiscard]] Result<void> transact(const AnyRequest& request, UseFields use, void* context);
    // Sends a request, with data behind it or room for data, and waits. Returns the fields of the reply, which end where the data
    // begin if there is room for them.
    struct Answer {
        std::span<const uint8_t> fields;
        size_t written;
    };
    [[nodiscard]] Result<Answer> ask(remote::Exchange& exchange, uint16_t tag, const AnyRequest& request,
                                     std::span<const Segment> data = {}, std::span<const Segment> room = {});
    [[nodiscard]] Result<size_t> ask_for_data(const AnyRequest& request, std::span<const Segment> room);
    // The farewell to a fid is its number.
    [[nodiscard]] std::optional<uint64_t> next_farewell() override { return fids_.next_to_clunk(); }
    [[nodiscard]] Farewell encode_farewell(remote::Exchange& exchange, uint64_t number) override;
    void answered(uint64_t number) override;

    uint32_t message_size_ = remote::Exchange::memory_size / 2;
    FidNumbers fids_;
};

template <typename Request, typename UseReply>
Result<void> Client::call(const Request& request, UseReply&& use) {
    return transact(AnyRequest{request}, [](Decoder& fields, void* context) -> Result<void> {
        typename Request::Reply reply;
        reply.decode(fields);
        if (fields.bad()) return Error{EIO};
        return (*static_cast<std::remove_reference_t<UseReply>*>(context))(reply);
    }, &use);
}

template <typename Request>
Result<typename Request::Reply> Client::call(const Request& request) {
    typename Request::Reply reply;
    TRY(transact(AnyRequest{request}, [](Decoder& fields, void* context) -> Result<void> {
        static_cast<typename Request::Reply*>(context)->decode(fields);
        return fields.bad() ? Result<void>{Error{EIO}} : Result<void>{};
    }, &reply));
    return reply;
}

}  // namespace eremite::fs::ninep

#pragma once
// The client's side of a 9P connection: tags, fids and requests. Any number of threads may have requests under way; a thread
// sleeps until its own is answered. Nothing that the server sends is trusted, and once the transport is broken every request
// ends with EIO.
//
// A thread that waits is not interrupted by signals: as on Linux, files of a file system answer or fail (signal(7)).
#include <array>

#include "base/ref.hpp"
#include "libos/fs/ninep/fids.hpp"
#include "libos/fs/ninep/protocol.hpp"
#include "libos/fs/ninep/transport.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::fs::ninep {

class Client;

// A request with its tag and memory for the messages, which is used again.
class Exchange : public ListNode<>, private Transport::Message {
public:
    // Both messages share this memory; data may stand elsewhere.
    static constexpr size_t memory_size = 2 * page_size;
    static constexpr size_t most_data_segments = 16;

private:
    friend class Client;
    enum class State : uint8_t { Idle, UnderWay, Done };

    Client* client_ = nullptr;
    uint8_t* memory_ = nullptr;
    uint16_t tag_ = 0;
    State state_ = State::Idle;
    int error_ = 0;
    size_t written_ = 0;
    uint32_t clunked_ = no_fid;  // nobody waits: the fid is free when the server has answered
    sched::WaitQueue waiting_;
    std::array<Segment, 1 + most_data_segments> request_segments_;
    std::array<Segment, 1 + most_data_segments> reply_segments_;
};

// What the server knows a file by. Given up when the last reference goes, which does not wait for the server.
class Fid final : public RefCounted {
public:
    Fid(Client& client, uint32_t number) : client_{client}, number_{number} {}
    ~Fid() override;
    [[nodiscard]] uint32_t number() const { return number_; }

private:
    friend class Client;
    Client& client_;
    const uint32_t number_;
    bool known_ = false;  // to the server
};

class Client {
public:
    // The transport lives longer.
    explicit Client(Transport& transport);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    // Requires: no request is under way, and no fid is left.
    ~Client();

    // Agrees on version and message size, of at most `data_size` bytes of data. ENOTSUP: the server speaks something else; EIO; ENOMEM.
    [[nodiscard]] Result<void> start(uint32_t data_size);
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

    // An exchange in use.
    class Use {
    public:
        Use(Client& client, Exchange& exchange) : client_{client}, exchange_{exchange} {}
        ~Use() { client_.release(exchange_); }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        Exchange& operator*() const { return exchange_; }
        Exchange* operator->() const { return &exchange_; }

    private:
        Client& client_;
        Exchange& exchange_;
    };

    static std::span<uint8_t> memory_of(Exchange& exchange) { return {exchange.memory_, Exchange::memory_size}; }
    // A fid that the server does not know yet.
    [[nodiscard]] Result<Ref<Fid>> new_fid();
    // Whether the server knows it after such an answer. If that cannot be said, it is told that the fid is not used any more.
    static void note(Fid& fid, int code) { fid.known_ = code == 0 || code == EIO; }
    [[nodiscard]] Result<Exchange*> make_exchange(uint16_t tag);
    // Waits while all are in use. ENOMEM: there is none at all.
    [[nodiscard]] Result<Exchange*> take();
    void release(Exchange& exchange);
    void give_up(const Fid& fid);
    // call() with types forgotten: `use` gets the fields of the reply, and `context`.
    using UseFields = Result<void> (*)(Decoder& fields, void* context);
    [[nodiscard]] Result<void> transact(const AnyRequest& request, UseFields use, void* context);
    // Sends a request, with data behind it or room for data, and waits. Returns the fields of the reply, which end where the data
    // begin if there is room for them.
    [[nodiscard]] Result<std::span<const uint8_t>> run(Exchange& exchange, const AnyRequest& request, std::span<const Segment> data = {},
                                                       std::span<const Segment> room = {});
    [[nodiscard]] Result<void> send(Exchange& exchange, const AnyRequest& request, std::span<const Segment> data, std::span<const Segment> room);
    [[nodiscard]] Result<size_t> run_for_data(const AnyRequest& request, std::span<const Segment> room);
    void send_clunk(Exchange& exchange, uint32_t number);
    static void done(Transport::Message& message, size_t written, int error);

    Transport& transport_;
    const Transport::Limits limits_;
    uint32_t message_size_ = Exchange::memory_size / 2;
    sync::Spinlock lock_{sync::Rank::DeviceReply};
    FidNumbers fids_;
    List<Exchange> idle_;
    uint64_t free_tags_;  // of which no exchange has been made
    uint32_t exchanges_ = 0;
    sched::WaitQueue waiting_;  // for an exchange
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

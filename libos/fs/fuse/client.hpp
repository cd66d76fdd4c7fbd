#pragma once
// The client's side of a FUSE connection: requests, and what the server holds for us until it is told that it need not. Nothing
// that the server sends is trusted.
#include <atomic>

#include "libos/fs/fuse/protocol.hpp"
#include "libos/fs/remote/channel.hpp"
#include "libos/fs/remote/handle.hpp"

namespace eremite::fs::fuse {

using remote::Segment;
class Client;

// Something that the server holds. When its last reference goes it becomes the message that says so, which needs no memory.
class Held : public ListNode<> {
public:
    virtual ~Held() = default;
    // What the server is told; nothing if it holds nothing.
    struct Words {
        fuse_opcode opcode;
        uint64_t node;
        std::array<uint8_t, sizeof(fuse_release_in)> arguments;
        size_t size;
        bool answered;
    };
    [[nodiscard]] virtual std::optional<Words> farewell() const = 0;
};

// The number by which the server knows a file. It counts how often it has told us (FUSE_FORGET).
class NodeId final : public RefCounted, public Held {
public:
    explicit NodeId(Client& client, uint64_t number = 0, uint64_t lookups = 0) : client_{client}, number_{number}, lookups_{lookups} {}
    [[nodiscard]] uint64_t number() const { return number_; }
    // Before others know it: what a look-up has told.
    void set(uint64_t number) { number_ = number, lookups_ = 1; }
    // Takes over the look-ups that another object counted for the same file. Requires the file system's lock.
    void take_over(NodeId& other) { lookups_ += std::exchange(other.lookups_, 0); }
    [[nodiscard]] std::optional<Words> farewell() const override;

private:
    void dispose() const override;

    Client& client_;
    uint64_t number_;
    uint64_t lookups_;
};

// An open file or directory.
class OpenHandle final : public remote::Handle, public Held {
public:
    OpenHandle(Client& client, Ref<NodeId> id, uint32_t flags, bool directory)
        : client_{client}, id_{std::move(id)}, flags_{flags}, directory_{directory} {}
    // Before others know it: the server has opened the file.
    void set(uint64_t number) { number_ = number, open_ = true; }
    // Before others know it: the object for the same file that counts its look-ups, which are not taken back before this is closed.
    void set(Ref<NodeId> id) { id_ = std::move(id); }
    [[nodiscard]] uint64_t number() const { return number_; }

    [[nodiscard]] Result<size_t> read(uint64_t offset, std::span<const Segment> into) override;
    [[nodiscard]] Result<size_t> write(uint64_t offset, std::span<const Segment> from) override;
    [[nodiscard]] Result<size_t> read_directory(uint64_t cursor, Segment into) override { return read_directory(cursor, into, false); }
    // `plus`: the server looks each entry up, and counts that.
    [[nodiscard]] Result<size_t> read_directory(uint64_t cursor, Segment into, bool plus);
    [[nodiscard]] Result<void> synchronize(bool data_only) override;
    [[nodiscard]] Result<void> flush() override;
    [[nodiscard]] std::optional<Words> farewell() const override;

private:
    void dispose() const override;
    [[nodiscard]] Result<size_t> read_by(fuse_opcode opcode, uint64_t offset, std::span<const Segment> into);

    Client& client_;
    Ref<NodeId> id_;
    const uint32_t flags_;
    const bool directory_;
    bool open_ = false;
    std::atomic<bool> written_{false};  // since the last flush
    uint64_t number_ = 0;
};

class Client final : private remote::Channel {
public:
    // The transport lives longer. Requires at the end: no request is under way, and the server holds nothing.
    explicit Client(remote::Transport& transport) : Channel{transport} {}

    // Agrees on a version and what both can do, with transfers of at most `data_size` bytes. ENOTSUP: the server is too old; EIO; ENOMEM.
    [[nodiscard]] Result<void> start(uint32_t data_size);
    using Channel::most_data_segments;
    // The most that one read or write transfers.
    [[nodiscard]] uint32_t io_unit() const { return io_unit_; }
    // Whether both can do this (FUSE_*, of FUSE_INIT).
    [[nodiscard]] bool has(uint32_t feature) const { return (features_ & feature) != 0; }

    // Sends a request, with data behind it, and waits. The server's errno; EIO: the connection is broken, or the reply makes no
    // sense; ENOSYS: the server does not know such requests, which is remembered; ENOMEM; EMSGSIZE: names are too long.
    [[nodiscard]] Result<void> call(const Request& request, std::span<const Segment> data = {}) { return ask(request, {}, data, nullptr, 0); }
    // `least`: of a reply that old servers leave off early; the rest is zeros.
    template <typename Reply>
    [[nodiscard]] Result<Reply> call(const Request& request, std::span<const Segment> data = {}, size_t least = sizeof(Reply)) {
        Reply reply{};
        // SAFETY: such structures are made of numbers only.
        TRY(ask(request, {reinterpret_cast<uint8_t*>(&reply), sizeof reply}, data, nullptr, least));
        return reply;
    }
    // The same where the reply is data, of which `room` gets the beginning. Returns their bytes.
    [[nodiscard]] Result<size_t> call_for_data(const Request& request, std::span<const Segment> room);

private:
    friend class NodeId;
    friend class OpenHandle;

    struct Room {
        std::span<const Segment> segments;
        size_t size;  // of what came
    };
    [[nodiscard]] Result<void> ask(const Request& request, std::span<uint8_t> reply, std::span<const Segment> data, Room* room, size_t least);
    void let_go(Held& held);
    // Farewells are known by the object's address.
    [[nodiscard]] std::optional<uint64_t> next_farewell() override;
    [[nodiscard]] Farewell encode_farewell(remote::Exchange& exchange, uint64_t held) override;
    void answered(uint64_t held) override;
    [[nodiscard]] uint64_t next_unique() { return unique_.fetch_add(2, std::memory_order_relaxed); }

    uint32_t io_unit_ = 0;
    uint32_t features_ = 0;
    // Even numbers, as the odd ones belong to FUSE_INTERRUPT.
    std::atomic<uint64_t> unique_{2};
    std::atomic<uint64_t> unknown_requests_{0};  // by opcode
    List<Held> postponed_;
};

}  // namespace eremite::fs::fuse

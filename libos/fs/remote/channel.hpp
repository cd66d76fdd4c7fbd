#pragma once
// Requests to a file server and the threads that wait for their replies. Any number of threads may have requests under way; a
// thread sleeps until its own is answered. Once the transport is broken every request ends with EIO. What is in the messages is
// the business of derived classes.
//
// A thread that waits is not interrupted by signals: as on Linux, files of a file system answer or fail (signal(7)).
#include <array>
#include <optional>

#include "base/address.hpp"
#include "base/list.hpp"
#include "libos/fs/remote/transport.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::fs::remote {

class Channel;

// A request and its reply, with memory for both, which is used again.
class Exchange : public ListNode<>, private Transport::Message {
public:
    static constexpr size_t memory_size = 2 * page_size;
    // Of data, which may stand elsewhere.
    static constexpr size_t most_data_segments = 16;
    // Of a message beside its data, both ways together.
    static constexpr size_t most_other_segments = 3;

    [[nodiscard]] std::span<uint8_t> memory() const { return {memory_, memory_size}; }
    // No other exchange of the channel has it; below 64.
    [[nodiscard]] uint16_t number() const { return number_; }

private:
    friend class Channel;
    enum class State : uint8_t { Idle, UnderWay, Done };

    Channel* channel_ = nullptr;
    uint8_t* memory_ = nullptr;
    uint16_t number_ = 0;
    State state_ = State::Idle;
    int error_ = 0;
    size_t written_ = 0;
    std::optional<uint64_t> farewell_;  // nobody waits: what answered() is told
    sched::WaitQueue waiting_;
    std::array<Segment, most_other_segments - 1 + most_data_segments> request_segments_;
    std::array<Segment, most_other_segments - 1 + most_data_segments> reply_segments_;
};

class Channel {
public:
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // Pieces of memory that the data of one request can stand in.
    [[nodiscard]] size_t most_data_segments() const { return most_data_segments_; }

protected:
    // The transport lives longer.
    explicit Channel(Transport& transport);
    // Requires: no request is under way.
    ~Channel();

    // An exchange in use.
    class Use {
    public:
        Use(Channel& channel, Exchange& exchange) : channel_{channel}, exchange_{exchange} {}
        ~Use() { channel_.release(exchange_); }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        Exchange& operator*() const { return exchange_; }
        Exchange* operator->() const { return &exchange_; }

    private:
        Channel& channel_;
        Exchange& exchange_;
    };

    // Waits while all are in use. ENOMEM: there is none at all.
    [[nodiscard]] Result<Exchange*> take();
    void release(Exchange& exchange);
    // Sends a request, `message` with `data` behind it, and waits. The reply goes to `reply`, and behind that to `room`. Returns the
    // bytes of the reply. EIO; EINVAL: too many pieces.
    [[nodiscard]] Result<size_t> run(Exchange& exchange, std::span<const Segment> message, std::span<const Segment> data, Segment reply,
                                     std::span<const Segment> room);

    // Farewells tell the server what is not used any more. Whoever says them does not wait and cannot fail: one for which no
    // exchange is idle waits until one is. `farewell` is what the derived class knows it by.
    //
    // Sends one, in an exchange that comes back by itself. Without the lock.
    void send_farewell(Exchange& exchange, uint64_t farewell);
    // One that waits, not to be given out again. Called with the lock.
    [[nodiscard]] virtual std::optional<uint64_t> next_farewell() = 0;
    // Writes one. Reply: room for the server's, none if it does not reply.
    struct Farewell {
        size_t request;
        size_t reply;
    };
    [[nodiscard]] virtual Farewell encode_farewell(Exchange& exchange, uint64_t farewell) = 0;
    // The server has answered one, or never will. Called without the lock, possibly in an interrupt.
    virtual void answered(uint64_t farewell) = 0;
    // Requires the lock.
    [[nodiscard]] Exchange* take_idle() { return idle_.pop_front(); }

    [[nodiscard]] static size_t total(std::span<const Segment> segments);

    sync::Spinlock lock_{sync::Rank::DeviceReply};

private:
    [[nodiscard]] Result<Exchange*> make_exchange(uint16_t number);
    [[nodiscard]] Result<void> send(Exchange& exchange, std::span<const Segment> message, std::span<const Segment> data, Segment reply,
                                    std::span<const Segment> room);
    [[nodiscard]] bool try_farewell(Exchange& exchange, uint64_t farewell);
    static void done(Transport::Message& message, size_t written, int error);

    Transport& transport_;
    const size_t most_data_segments_;
    List<Exchange> idle_;
    uint64_t free_numbers_;  // of which no exchange has been made
    uint32_t exchanges_ = 0;
    sched::WaitQueue waiting_;  // for an exchange
};

}  // namespace eremite::fs::remote

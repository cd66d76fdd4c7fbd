#pragma once
// A TCP connection (RFC 9293) from the first SYN to the last acknowledgement. Its user, a socket, holds a pointer to it until it
// calls close() or abort(); after that the connection ends by itself. What it does is told by subject: connection.cpp (what users
// call), states.cpp, input.cpp, acknowledgement.cpp, recovery.cpp, output.cpp, timers.cpp.
#include "netstack/iface/interface.hpp"
#include "netstack/observer.hpp"
#include "netstack/tcp/cubic.hpp"
#include "netstack/tcp/flow.hpp"
#include "netstack/tcp/info.hpp"
#include "netstack/tcp/options.hpp"
#include "netstack/tcp/receive_buffer.hpp"
#include "netstack/tcp/rtt.hpp"
#include "netstack/tcp/segment.hpp"
#include "netstack/tcp/send_buffer.hpp"
#include "netstack/tcp/sent_queue.hpp"

namespace eremite::net {

class TcpLayer;

namespace tcp {

class Listener;

// What both sides agreed on in their SYNs.
struct Negotiated {
    uint32_t local_initial = 0, remote_initial = 0;
    uint16_t remote_mss = 536;
    uint8_t remote_scale = 0, local_scale = 0;
    bool scaling = false, sack = false, timestamps = false, ecn = false;
    uint32_t timestamp_offset = 0;
    uint32_t recent_timestamp = 0;
};

// Connections with something to do at the end of a batch.
struct PendingNode : ListNode<PendingNode> {};
struct AcceptNode : ListNode<AcceptNode> {};

class Connection final : public FlowEntry, public Timer, public PendingNode, public AcceptNode, private BlockedSender {
public:
    // What users call. Errors are those of the manual pages of the calls.
    // EAGAIN: no room now; EPIPE: no more is sent; ENOTCONN.
    [[nodiscard]] Result<size_t> send(ByteSource& source, size_t size, bool more = false, bool urgent = false);
    // Without a copy: the packet's buffers are held until the peer has them. Taken whole, or EAGAIN.
    [[nodiscard]] Result<void> send(Packet& data, bool more = false);
    // 0: the stream has ended; EAGAIN: nothing is here.
    [[nodiscard]] Result<size_t> receive(ByteSink& sink, size_t size, bool peek = false);
    [[nodiscard]] Packet receive_packet(size_t most);
    // The urgent byte (MSG_OOB). EINVAL: there is none, or it was read; EAGAIN: it is announced; 0 bytes: it will not come.
    [[nodiscard]] Result<size_t> receive_urgent(uint8_t& byte, bool peek);
    [[nodiscard]] bool urgent_here() const { return urgent_ == Urgent::Here; }
    // What comes next is the urgent byte, or follows it.
    [[nodiscard]] bool at_mark() const { return urgent_ != Urgent::None && urgent_at_ == read_up_to(); }
    // No more will be sent, or is wanted. ENOTCONN.
    [[nodiscard]] Result<void> shutdown(bool reading, bool writing);
    // The user lets go. Data that it did not read make this a reset (RFC 2525 section 2.17).
    void close();
    void abort();
    void set_observer(Observer* observer) { observer_ = observer; }
    [[nodiscard]] const Observer* observer() const { return observer_; }
    // Sends what a cork or the delay of small segments held back.
    void push();
    void acknowledge_now();

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool readable() const { return received_.bytes() > (at_mark() && !settings.urgent_inline ? 1 : 0) || peer_finished_ || state_ == State::Closed; }
    [[nodiscard]] bool writable() const { return state_ != State::SynSent && state_ != State::SynReceived && (send_room() > 0 || write_ended_); }
    // As far as the next mark.
    [[nodiscard]] size_t readable_bytes() const;
    [[nodiscard]] size_t unsent_bytes() const { return send_.end() - data_next(); }
    [[nodiscard]] size_t unacknowledged_bytes() const { return send_.end() - data_una(); }
    [[nodiscard]] size_t send_room() const;
    [[nodiscard]] bool peer_finished() const { return peer_finished_; }
    [[nodiscard]] bool failed() const { return error_ != 0; }
    [[nodiscard]] int take_error() { return std::exchange(error_, 0); }
    [[nodiscard]] Info info() const;
    // After a change of `settings`.
    void settings_changed();
    Settings settings{};

private:
    friend class eremite::net::TcpLayer;
    friend class Listener;
    template <typename T>
    friend class eremite::net::ObjectPool;
    enum class RetransmitKind : uint8_t { None, Timeout, TailProbe, Reordering, WindowProbe };
    enum class Phase : uint8_t { Open, Recovery, Loss };

    Connection(TcpLayer& layer, const FlowKey& key);
    ~Connection();

    // connection.cpp
    void consumed(size_t bytes);
    void grow_receive_buffer();
    [[nodiscard]] uint32_t worth_telling() const;

    // urgent.cpp
    enum class Urgent : uint8_t { None, Awaited, Here, Read };
    [[nodiscard]] uint32_t read_up_to() const;
    void mark_sent(TcpHeader& header, uint32_t sequence);
    void receive_mark(const Segment& segment, const Packet& packet);
    // Reads end at the mark, and those that begin there leave the urgent byte out; returns how many bytes are to be skipped.
    [[nodiscard]] size_t stop_at_mark(size_t& size, bool peek);

    // states.cpp
    void open_actively(Instant now);
    void open_passively(const Negotiated& agreed, const Settings& s, uint16_t window);
    void apply(const Negotiated& agreed);
    void receive_in_syn_sent(const Segment& segment, const TcpOptions& options, Packet&& packet);
    void established();
    void peer_fin();
    void local_fin_acknowledged();
    void enter_time_wait();
    void fail(int error);
    void finish();
    void note(uint32_t events);
    [[nodiscard]] bool synchronized() const { return state_ >= State::Established; }
    void receive_error(uint32_t sequence, int error, uint16_t mtu);

    // input.cpp
    void receive(const Segment& segment, Packet&& packet);
    [[nodiscard]] bool fast_path(const Segment& segment, Packet& packet);
    void slow_path(const Segment& segment, Packet&& packet);
    [[nodiscard]] bool acceptable(const Segment& segment) const;
    void accept_data(const Segment& segment, Packet&& packet);
    void data_arrived(uint32_t bytes, const Segment& segment);
    void challenge();
    void note_ecn(const Segment& segment);

    // acknowledgement.cpp
    struct AckResult {
        uint32_t acknowledged = 0;   // bytes, cumulatively
        uint32_t delivered = 0;      // for the first time, by SACK or not
        bool sacked_more = false;
        bool repeated = false;       // something that was sent twice is acknowledged
        Duration rtt{};              // a sample; 0: none
        uint32_t echo = 0;           // of our timestamp; 0: none
    };
    void receive_ack(const Segment& segment, const TcpOptions& options);
    void acknowledge(uint32_t sequence, AckResult& result);
    void process_sacks(const Segment& segment, const TcpOptions& options, AckResult& result);
    void sack_range(uint32_t start, uint32_t end, AckResult& result);
    void delivered(const SentSegment& segment, AckResult& result);
    void original_arrived(const SentSegment& segment);
    [[nodiscard]] bool split(SentSegment& segment, uint32_t at) { return sent_.split(segment, at, send_.locate(segment.at, at)); }
    void update_window(const Segment& segment);
    void acknowledged_new(const AckResult& result);

    // recovery.cpp
    void react(const Segment& segment, const TcpOptions& options, const AckResult& result);
    void detect_losses();
    void detect_duplicates(const Segment& segment, const AckResult& result);
    void enter_recovery();
    void enter_loss();
    void leave_recovery();
    void undo();
    void proportional_reduction(const AckResult& result, bool progress);
    void note_duplicate_report(const SackBlock& block);
    [[nodiscard]] Duration reordering_window() const;
    void finish_tail_probe(const Segment& segment, bool duplicate_reported);
    void congestion_mark();

    // output.cpp
    void output();
    [[nodiscard]] bool send_new(uint32_t limit);
    [[nodiscard]] bool repair();
    [[nodiscard]] bool retransmit(SentSegment& segment, uint32_t most);
    [[nodiscard]] bool transmit(uint8_t flags, uint32_t sequence, uint32_t length, Fragment* at, bool probe = false);
    void send_ack();
    void send_syn();
    void send_reset();
    [[nodiscard]] bool update_path();
    void update_mss();
    [[nodiscard]] uint32_t most_payload() const;
    [[nodiscard]] uint16_t window_field();
    [[nodiscard]] uint32_t usable_window() const;
    // What would be offered if nothing waited to be read.
    [[nodiscard]] uint32_t largest_window() const;
    [[nodiscard]] uint32_t receive_space() const;
    [[nodiscard]] uint32_t timestamp() const { return timestamp_at(layer_time()); }
    [[nodiscard]] uint32_t timestamp_at(Instant at) const { return static_cast<uint32_t>(at.ns / 1'000'000) + agreed_.timestamp_offset; }
    [[nodiscard]] Instant layer_time() const;
    void interface_ready() override;
    void schedule_ack(const Segment& segment);
    // The next segments are not acknowledged late: the peer's window may be too small to send what a delay waits for.
    static constexpr uint8_t most_quick_acks = 16;
    void acknowledge_quickly() { quick_acks_ = most_quick_acks; }
    [[nodiscard]] bool fin_pending() const { return write_ended_ && !fin_sent_; }
    [[nodiscard]] uint32_t data_next() const { return fin_sent_ ? snd_nxt_ - 1 : snd_nxt_; }
    [[nodiscard]] uint32_t data_una() const { return seq_earlier(snd_una_, send_.end()); }

    // timers.cpp
    void timeout();
    void arm_retransmission();
    void set_retransmission(RetransmitKind kind, Instant at);
    void arm(Instant deadline);
    void rearm();
    void arm_idle();
    void retransmission_timeout();
    void tail_probe();
    void window_probe();
    void idle_timeout();
    [[nodiscard]] bool gave_up();
    [[nodiscard]] Duration backed_off() const;

    // At the end of the batch: acknowledgements, output, events.
    void work();
    void want_work();
    static constexpr uint8_t work_ack = 1, work_output = 2;

    // What each segment needs comes first.
    TcpLayer& layer_;
    State state_ = State::Closed;
    Phase phase_ = Phase::Open;
    uint8_t work_ = 0;
    uint8_t expected_header_ = 0;  // of segments on the fast path: with or without timestamps
    uint32_t rcv_nxt_ = 0;
    uint32_t rcv_edge_ = 0;        // of the window that the peer was told of
    uint32_t snd_una_ = 0;
    uint32_t snd_nxt_ = 0;
    uint32_t snd_window_ = 0;
    uint32_t snd_wl1_ = 0, snd_wl2_ = 0;
    uint32_t acked_ = 0;           // what we acknowledged last
    uint32_t mss_ = 536;
    uint32_t events_ = 0;          // to tell the user of
    Negotiated agreed_{};
    Instant ack_at_ = Instant::never();
    Instant retransmit_at_ = Instant::never();
    Instant idle_at_ = Instant::never();
    RetransmitKind retransmit_kind_ = RetransmitKind::None;
    bool ack_now_ = false;
    bool peer_finished_ = false;
    bool write_ended_ = false;
    bool fin_sent_ = false;
    bool read_shut_ = false;
    bool orphan_ = false;
    bool cut_short_ = false;       // the congestion window kept data back
    bool wanted_room_ = false;     // the user was told that there is no room
    bool awaits_memory_ = false;   // something could not be sent, or taken to be sent, for lack of it
    bool more_coming_ = false;     // MSG_MORE
    bool push_all_ = false;        // nothing is held back to be sent with more
    uint8_t quick_acks_ = most_quick_acks;
    uint8_t retries_ = 0;
    uint8_t probes_ = 0;
    Path path_{};
    SendBuffer send_{};
    SentQueue sent_;
    ReceiveBuffer received_{};
    RttEstimator rtt_{};
    Cubic congestion_{};
    uint32_t last_small_ = 0;      // end of the last segment that was not full (Minshall's rule)
    uint32_t max_window_ = 0;      // the largest that the peer offered
    uint32_t received_mss_ = 536;
    Instant last_sent_{}, last_received_{};
    Instant timeout_base_{};       // from when the retransmission timeout counts
    Instant progress_{};           // when the peer last acknowledged something new
    Instant data_at_{};            // when data last arrived in order
    Instant challenged_{}, confirmed_{};

    // RACK (RFC 8985 section 5.2)
    struct {
        Instant sent{};
        uint32_t end = 0;
        Duration rtt{};
        uint32_t forward = 0;      // the highest sequence number that arrived
        bool reordering = false;
        uint8_t multiplier = 1, persistence = 0;
        Duration late{};           // by which originals came too late for a repair not to be sent
        uint32_t duplicate_round = 0;
        bool in_duplicate_round = false;
    } rack_{};
    struct {
        bool active = false;
        bool repeated = false;
        uint32_t end = 0;
    } probe_{};
    // Recovery: RFC 6675, RFC 6937, and what it takes to see that it was a mistake.
    uint32_t recovery_point_ = 0;
    uint32_t recovery_flight_ = 0, recovery_delivered_ = 0, recovery_sent_ = 0;
    uint32_t duplicate_acks_ = 0;
    uint32_t undo_marker_ = 0, undo_repeats_ = 0;
    bool may_undo_ = false;
    uint32_t repair_timestamp_ = 0;  // of the first retransmission; 0: none
    uint32_t fin_sequence_ = 0;      // of the peer's FIN, when it came early
    bool fin_early_ = false;
    uint32_t urgent_end_ = 0;        // behind the last urgent byte that is sent
    uint32_t urgent_at_ = 0;         // the last that the peer told of
    bool urgent_sending_ = false;    // the peer may not have the former
    Urgent urgent_ = Urgent::None;   // the state of the latter
    uint8_t urgent_byte_ = 0;
    // ECN (RFC 3168)
    bool ecn_echo_ = false;
    bool ecn_reduced_ = false;       // to be told to the peer
    uint32_t ecn_point_ = 0;
    // The peer's rate, for the size of the receive buffer.
    uint32_t space_edge_ = 0;
    Instant space_since_{};
    size_t consumed_ = 0, consumed_before_ = 0;  // by the user, in this round trip and in the last one
    size_t freed_ = 0, worth_telling_ = 0;  // by the user, since the peer was told of the window; and how much is worth telling

    size_t send_limit_ = 0, receive_limit_ = 0;
    Observer* observer_ = nullptr;
    Listener* listener_ = nullptr;   // while it waits to be accepted
    int error_ = 0;
    int soft_error_ = 0;
    Counters counters_{};
};

}  // namespace tcp
}  // namespace eremite::net

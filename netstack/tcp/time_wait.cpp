#include "netstack/tcp/time_wait.hpp"

#include "netstack/stack.hpp"

namespace eremite::net {

using tcp::TimeWait;

void TcpLayer::add_time_wait(const FlowKey& key, const tcp::TimeWaitState& state) {
    // With no memory for it the flow is forgotten at once, or the oldest is.
    if (time_waits_.used() == time_waits_.most() && !waiting_.empty()) remove_time_wait(*waiting_.front());
    TimeWait* entry = time_waits_.create(key, state, stack_.now());
    if (!entry) return stack_.count(Drop::NoMemory);
    table_.insert(*entry);
    waiting_.push_back(*entry);
    if (!time_wait_timer_.linked()) stack_.timers().set(time_wait_timer_, stack_.now() + configuration_.time_wait);
}

void TcpLayer::remove_time_wait(TimeWait& entry) {
    table_.remove(entry);
    entry.unlink();
    time_waits_.destroy(entry);
}

void TcpLayer::expire_time_waits() {
    while (TimeWait* entry = waiting_.front()) {
        const Instant end = entry->since + configuration_.time_wait;
        if (end > stack_.now()) return stack_.timers().set(time_wait_timer_, end);
        remove_time_wait(*entry);
    }
}

bool TcpLayer::reuse_time_wait(const FlowKey& key) {
    tcp::FlowEntry* entry = table_.find(key);
    if (!entry || entry->kind != tcp::FlowKind::TimeWait) return false;
    auto& wait = *static_cast<TimeWait*>(entry);
    // Timestamps tell old segments from new ones once their clock has gone on (RFC 6191 section 2).
    if (!wait.state.timestamps || stack_.now() - wait.since < Duration::seconds(1)) return false;
    remove_time_wait(wait);
    return true;
}

bool TcpLayer::receive_in_time_wait(TimeWait& entry, const Segment& segment, uint32_t& initial) {
    tcp::TimeWaitState& state = entry.state;
    TcpOptions options;
    parse_tcp_options(segment.options, options);
    const bool newer = state.timestamps && options.has_timestamps && seq_before(state.recent_timestamp, options.timestamp);
    if (segment.has(TcpHeader::syn) && !segment.has(TcpHeader::rst) && !segment.has(TcpHeader::ack) &&
        (newer || seq_before(state.rcv_nxt, segment.sequence))) {
        // A new connection between the same ends (RFC 6191 section 2, RFC 1122 section 4.2.2.13), beyond all that the old one sent.
        initial = state.snd_nxt + 65537;
        if (initial == 0) initial = 1;
        remove_time_wait(entry);
        return false;
    }
    // Resets do not end the wait (RFC 1337).
    if (segment.has(TcpHeader::rst)) return true;
    if (segment.span() == 0 && segment.sequence == state.rcv_nxt) return true;
    if (segment.has(TcpHeader::fin)) {
        // Our acknowledgement was lost: the peer needs as long again.
        entry.since = stack_.now();
        entry.unlink();
        waiting_.push_back(entry);
    }
    TcpOptions answer;
    answer.has_timestamps = state.timestamps;
    answer.timestamp = static_cast<uint32_t>(stack_.now().ns / 1'000'000) + state.timestamp_offset;
    answer.timestamp_echo = state.recent_timestamp;
    send_bare(entry.key, TcpHeader::ack, state.snd_nxt, state.rcv_nxt, state.window, answer, nullptr, {});
    return true;
}

}  // namespace eremite::net

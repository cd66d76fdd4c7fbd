#pragma once
// Connections that are over, remembered so that late segments and a lost last acknowledgement do no harm (RFC 9293 section 3.6.1).
// Small, since servers have many; all wait equally long, so that a list is their clock.
#include "base/list.hpp"
#include "base/time.hpp"
#include "netstack/tcp/flow.hpp"

namespace eremite::net::tcp {

struct TimeWaitState {
    uint32_t rcv_nxt = 0;
    uint32_t snd_nxt = 0;
    uint16_t window = 0;
    bool timestamps = false;
    uint32_t recent_timestamp = 0;
    uint32_t timestamp_offset = 0;
};

struct TimeWait final : FlowEntry, ListNode<TimeWait> {
    TimeWait(const FlowKey& flow, const TimeWaitState& s, Instant now) : FlowEntry{FlowKind::TimeWait, flow}, state{s}, since{now} {}
    TimeWaitState state;
    Instant since;
};

}  // namespace eremite::net::tcp

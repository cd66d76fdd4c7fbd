#include "netstack/tcp/sent_queue.hpp"

namespace eremite::net::tcp {

SentSegment* SentQueue::push(uint32_t start, uint32_t end, bool has_fin, Fragment* at, Instant now) {
    SentSegment* s = pool_.create();
    if (!s) return nullptr;
    s->start = start;
    s->end = end;
    s->at = at;
    s->first = s->sent = now;
    s->has_fin = has_fin;
    segments_.push_back(*s);
    outstanding_ += s->length();
    return s;
}

void SentQueue::uncount(const SentSegment& s, uint32_t length) {
    outstanding_ -= length;
    if (s.sacked) sacked_ -= length;
    if (s.lost) lost_ -= length;
    if (s.repair_in_flight) repairs_ -= length;
}

void SentQueue::pop_back() {
    SentSegment* s = segments_.back();
    uncount(*s, s->length());
    Segments::remove(*s);
    pool_.destroy(*s);
}

void SentQueue::remove_front() {
    SentSegment* s = segments_.pop_front();
    uncount(*s, s->length());
    pool_.destroy(*s);
}

void SentQueue::trim_front(uint32_t sequence, Fragment* at) {
    SentSegment& s = *segments_.front();
    uncount(s, sequence - s.start);
    s.start = sequence;
    s.at = at;
}

bool SentQueue::split(SentSegment& s, uint32_t at, Fragment* rest_at) {
    SentSegment* rest = pool_.create();
    if (!rest) return false;
    rest->start = at;
    rest->end = s.end;
    rest->at = rest_at;
    rest->first = s.first;
    rest->sent = s.sent;
    rest->has_fin = s.has_fin;
    rest->sacked = s.sacked;
    rest->lost = s.lost;
    rest->repeated = s.repeated;
    rest->repair_in_flight = s.repair_in_flight;
    s.end = at;
    s.has_fin = false;
    if (SentSegment* behind = next(s)) segments_.insert_before(*behind, *rest);
    else segments_.push_back(*rest);
    return true;
}

void SentQueue::mark_sacked(SentSegment& s) {
    if (s.sacked) return;
    forget_loss(s);
    s.sacked = true;
    sacked_ += s.length();
}

void SentQueue::mark_lost(SentSegment& s) {
    if (s.repair_in_flight) {
        s.repair_in_flight = false;
        repairs_ -= s.length();
    }
    if (s.lost || s.sacked) return;
    s.lost = true;
    lost_ += s.length();
}

void SentQueue::mark_repaired(SentSegment& s, Instant now) {
    s.sent = now;
    s.repeated = true;
    if (!s.lost || s.repair_in_flight) return;
    s.repair_in_flight = true;
    repairs_ += s.length();
}

void SentQueue::forget_loss(SentSegment& s) {
    if (s.repair_in_flight) repairs_ -= s.length();
    if (s.lost) lost_ -= s.length();
    s.repair_in_flight = s.lost = false;
}

void SentQueue::forget_sacks() {
    for (SentSegment& s : segments_) s.sacked = false;
    sacked_ = 0;
}

void SentQueue::clear() {
    while (!segments_.empty()) remove_front();
}

}  // namespace eremite::net::tcp

#pragma once
// What routers said of the MTU of paths (RFC 1191, RFC 8201). Values are forgotten after a while, so that a path that grew is
// found out. A small cache: a flood of forged messages can only displace entries, which are learned again.
#include <array>

#include "base/time.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net {

class PathMtuCache {
public:
    static constexpr size_t most_entries = 128;
    static constexpr Duration lifetime = Duration::seconds(600);

    // Only ever lowers what is known and not yet forgotten. Returns whether that changed.
    bool lower(const IpAddress& destination, uint16_t mtu, Instant now) {
        Entry* oldest = &entries_[0];
        for (Entry& e : entries_) {
            if (e.mtu != 0 && e.destination == destination) {
                if (e.expires > now && e.mtu <= mtu) return false;
                e = {destination, mtu, now + lifetime};
                return true;
            }
            if (e.expires < oldest->expires) oldest = &e;
        }
        if (oldest->mtu == 0) ++count_;
        *oldest = {destination, mtu, now + lifetime};
        return true;
    }
    // 0: nothing is known.
    [[nodiscard]] uint16_t find(const IpAddress& destination, Instant now) const {
        if (count_ == 0) return 0;
        for (const Entry& e : entries_)
            if (e.mtu != 0 && e.destination == destination) return e.expires > now ? e.mtu : 0;
        return 0;
    }

private:
    struct Entry {
        IpAddress destination{};
        uint16_t mtu = 0;  // 0: free
        Instant expires{};
    };
    std::array<Entry, most_entries> entries_{};
    size_t count_ = 0;
};

}  // namespace eremite::net

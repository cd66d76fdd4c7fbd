#pragma once
// The Realtek RTL8139 ("RTL8139D(L) data sheet"), a PCI network interface that most virtual machines offer.
#include "base/result.hpp"
#include "libos/network/nic.hpp"

namespace eremite::drivers {

// The next one that nobody has yet, with its one pair of queues; it lives for good. ENODEV: that were all; ENXIO, EIO, ENOMEM: it cannot be used,
// and the next one may be asked for.
[[nodiscard]] Result<network::Card*> claim_rtl8139();

}  // namespace eremite::drivers

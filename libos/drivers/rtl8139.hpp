#pragma once
// The Realtek RTL8139 ("RTL8139D(L) data sheet"), a PCI network interface that most virtual machines offer.
#include "base/result.hpp"
#include "libos/network/nic.hpp"

namespace eremite::drivers {

// The next one that nobody has yet, ready to be started; it lives for good. ENODEV: that were all; ENXIO, EIO, ENOMEM, ENOSPC: it cannot be used,
// and the next one may be asked for.
[[nodiscard]] Result<network::Nic*> claim_rtl8139();

}  // namespace eremite::drivers

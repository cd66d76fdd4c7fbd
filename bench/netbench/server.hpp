#pragma once
#include <cstdint>
#include <string>

namespace eremite::netbench {

/// Serves clients at `port`, and `port` + 1 for connections of one byte each way, until one of them says that it is enough.
/// `congestion`: the algorithm of congestion control; empty: the system's. `counted`: echoes count what they cost.
void serve(const std::string& address, uint16_t port, const std::string& congestion, bool counted);

}  // namespace eremite::netbench

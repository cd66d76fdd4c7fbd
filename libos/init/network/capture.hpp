#pragma once
// The capture of packets that the command asks for with `--pcap`: a file in pcapng format, written to a virtio console.
#include "base/result.hpp"
#include "netstack/phy/capture.hpp"

namespace eremite::init {

// ENODEV: there is no console; ENOMEM, or as the device fails. All are logged.
[[nodiscard]] Result<net::Capture*> start_capture();
// At the end: tells the command how long the file is, if there is one.
void finish_capture();

}  // namespace eremite::init

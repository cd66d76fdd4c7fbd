#include "vmm/platform/host_channel.hpp"

#include <algorithm>
#include <cstring>

#include "abi/host_channel.hpp"
#include "vmm/output.hpp"

namespace eremite::vmm {

void DebugConsole::read(uint64_t, std::span<std::byte> data) { std::fill(data.begin(), data.end(), std::byte{abi::debugcon_answer}); }

void DebugConsole::write(uint64_t, std::span<const std::byte> data) {
    if (output_ >= 0) write_all(output_, data);
}

void DebugExit::read(uint64_t, std::span<std::byte> data) { std::fill(data.begin(), data.end(), std::byte{0}); }

void DebugExit::write(uint64_t, std::span<const std::byte> data) {
    uint32_t value = 0;
    std::memcpy(&value, data.data(), std::min(data.size(), sizeof value));
    exit_(value);
}

}  // namespace eremite::vmm

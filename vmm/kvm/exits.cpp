#include "vmm/kvm/exits.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "vmm/output.hpp"

namespace eremite::vmm::kvm {

namespace {

// A line is written at once, so that those of several processors do not mix.
template <typename... Values>
void print(int output, const char* format, Values... values) {
    std::array<char, 160> line{};
    const int length = std::snprintf(line.data(), line.size(), format, values...);
    if (length > 0) write_all(output, std::as_bytes(std::span{line.data(), std::min(static_cast<size_t>(length), line.size() - 1)}));
}

}  // namespace

uint64_t ExitCounts::total() const {
    const uint64_t accesses = std::accumulate(ports.begin(), ports.end(), uint64_t{0}) + std::accumulate(memory.begin(), memory.end(), uint64_t{0});
    return accesses + signals + interrupt_windows + halts + shutdowns + others;
}

double ExitTrace::milliseconds() const { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count(); }

void ExitTrace::access(unsigned cpu, std::string_view kind, uint64_t address, std::span<const std::byte> data) const {
    uint64_t value = 0;
    std::memcpy(&value, data.data(), std::min(data.size(), sizeof value));
    print(output_, "exit %12.3f cpu%u %.*s address %#llx size %zu value %#llx\n", milliseconds(), cpu, static_cast<int>(kind.size()), kind.data(),
          static_cast<unsigned long long>(address), data.size(), static_cast<unsigned long long>(value));
}

void ExitTrace::event(unsigned cpu, std::string_view kind) const {
    print(output_, "exit %12.3f cpu%u %.*s\n", milliseconds(), cpu, static_cast<int>(kind.size()), kind.data());
}

}  // namespace eremite::vmm::kvm

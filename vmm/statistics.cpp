#include "vmm/statistics.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "vmm/host_memory.hpp"

namespace eremite::vmm {

namespace {

// All that fits of a file of /proc, from its start.
std::string read_file(int fd) {
    std::array<char, 8192> buffer{};
    if (fd < 0 || ::lseek(fd, 0, SEEK_SET) != 0) return {};
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    return got > 0 ? std::string(buffer.data(), static_cast<size_t>(got)) : std::string{};
}

uint64_t number_at(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// A field of /proc/self/stat (proc(5)), counted from 1, behind the second, which is a name in parentheses.
uint64_t field(std::string_view counters, unsigned number) {
    const size_t name_end = counters.rfind(')');
    if (name_end == counters.npos) return 0;
    counters.remove_prefix(name_end + 1);
    constexpr unsigned name = 2;
    for (unsigned i = name; i < number; ++i) {
        const size_t space = counters.find(' ');
        if (space == counters.npos) return 0;
        counters.remove_prefix(space + 1);
    }
    return number_at(counters);
}

}  // namespace

Figures count_exits(std::span<const kvm::ExitCounts* const> cpus, const Bus& ports, const Bus& memory) {
    Figures figures;
    const auto sum = [&](const std::string& name, auto value_of) {
        uint64_t total = 0;
        for (const kvm::ExitCounts* const cpu : cpus) total += value_of(*cpu);
        figures.emplace_back("cell.exits." + name, total);
    };
    const auto by_place = [&](const std::string& kind, const Bus& bus, auto counts_of) {
        for (size_t place = 0; place <= bus.size(); ++place)
            sum(kind + (place == bus.size() ? "nobody" : bus.name(place)),
                [&](const kvm::ExitCounts& counts) { return place < counts_of(counts).size() ? counts_of(counts)[place] : 0; });
    };
    using kvm::ExitCounts;
    sum("total", [](const ExitCounts& counts) { return counts.total(); });
    by_place("port.", ports, [](const ExitCounts& counts) -> const auto& { return counts.ports; });
    by_place("mmio.", memory, [](const ExitCounts& counts) -> const auto& { return counts.memory; });
    sum("signal", [](const ExitCounts& counts) { return counts.signals; });
    sum("interrupt_window", [](const ExitCounts& counts) { return counts.interrupt_windows; });
    sum("halt", [](const ExitCounts& counts) { return counts.halts; });
    sum("shutdown", [](const ExitCounts& counts) { return counts.shutdowns; });
    sum("other", [](const ExitCounts& counts) { return counts.others; });
    return figures;
}

ProcessStatistics::ProcessStatistics() : status_{::open("/proc/self/status", O_RDONLY | O_CLOEXEC)}, counters_{::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)} {}

Figures ProcessStatistics::figures(const GuestMemory& memory) const {
    constexpr unsigned minor_faults = 10, major_faults = 12;
    const std::string counters = read_file(counters_.get()), status = read_file(status_.get());
    const uint64_t guest = memory.resident(), whole = (number_of(status, "RssAnon") + number_of(status, "RssFile")) << 10;
    return {{"cell.faults.minor", field(counters, minor_faults)},
            {"cell.faults.major", field(counters, major_faults)},
            {"cell.memory.monitor", memory.is_ordinary() ? whole - std::min(whole, guest) : whole},
            {"cell.memory.guest", guest}};
}

}  // namespace eremite::vmm

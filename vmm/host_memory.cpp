#include "vmm/host_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm {

uint64_t number_of(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
        std::string_view rest = line.substr(name.size() + 1);
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
        uint64_t value = 0;
        std::from_chars(rest.data(), rest.data() + rest.size(), value);
        return value;
    }
    return 0;
}

HostMemory parse_host_memory(std::string_view meminfo) {
    constexpr unsigned from_kib = 10;
    return {.available = (number_of(meminfo, "MemAvailable") + number_of(meminfo, "SwapFree")) << from_kib,
            .huge_page = number_of(meminfo, "Hugepagesize") << from_kib,
            .free_huge_pages = number_of(meminfo, "HugePages_Free")};
}

HostMemory host_memory() {
    const UniqueFd file{::open("/proc/meminfo", O_RDONLY | O_CLOEXEC)};
    std::array<char, 8192> buffer{};
    const ssize_t got = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
    return parse_host_memory({buffer.data(), got > 0 ? static_cast<size_t>(got) : 0});
}

std::string format_memory(uint64_t bytes) {
    constexpr uint64_t mib = uint64_t{1} << 20, gib = uint64_t{1} << 30;
    if (bytes < gib) return std::to_string(bytes / mib) + " MiB";
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), bytes % gib == 0 ? "%.0f GiB" : "%.1f GiB", static_cast<double>(bytes) / static_cast<double>(gib));
    return text.data();
}

void require_available(uint64_t bytes, const HostMemory& host) {
    if (host.available == 0 || bytes <= host.available) return;
    throw Error{"this host has " + format_memory(host.available) + " of memory available, and the machine shall have " + format_memory(bytes) +
                ": use a smaller --memory"};
}

}  // namespace eremite::vmm

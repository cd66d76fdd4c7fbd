#include "vmm/page_map.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace eremite::vmm {

namespace {

// Documentation/admin-guide/mm/pagemap.rst
constexpr uint64_t present = uint64_t{1} << 63, swapped = uint64_t{1} << 62;
// Of entries that are read at once: of 4 MiB.
constexpr size_t batch = 1024;

}  // namespace

void PageMap::open() { file_ = UniqueFd{::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)}; }

std::span<const uint64_t> PageMap::read(std::span<const std::byte> memory, uint64_t offset, std::span<uint64_t> room) const {
    const std::span<uint64_t> entries = room.first(std::min<uint64_t>(room.size(), (memory.size() - offset + page - 1) / page));
    // SAFETY: an address as a number.
    const auto at = static_cast<off_t>(reinterpret_cast<uintptr_t>(memory.data() + offset) / page * sizeof(uint64_t));
    const ssize_t got = file_ ? ::pread(file_.get(), entries.data(), entries.size_bytes(), at) : -1;
    return entries.first(got > 0 ? static_cast<size_t>(got) / sizeof(uint64_t) : 0);
}

PageMap::Run PageMap::next(std::span<const std::byte> memory, uint64_t offset) const {
    std::array<uint64_t, batch> room;
    const auto there = [](uint64_t entry) { return (entry & (present | swapped)) != 0; };
    while (offset < memory.size()) {
        const auto entries = read(memory, offset, room);
        if (entries.empty()) return {offset, memory.size() - offset};
        const auto first = std::find_if(entries.begin(), entries.end(), there);
        offset += static_cast<uint64_t>(first - entries.begin()) * page;
        if (first == entries.end()) continue;
        const auto pages = static_cast<uint64_t>(std::find_if_not(first, entries.end(), there) - first);
        return {offset, std::min(pages * page, memory.size() - offset)};
    }
    return {};
}

uint64_t PageMap::resident(std::span<const std::byte> memory) const {
    std::array<uint64_t, batch> room;
    uint64_t pages = 0;
    for (uint64_t offset = 0; offset < memory.size();) {
        const auto entries = read(memory, offset, room);
        if (entries.empty()) break;
        pages += static_cast<uint64_t>(std::count_if(entries.begin(), entries.end(), [](uint64_t entry) { return (entry & present) != 0; }));
        offset += entries.size() * page;
    }
    return pages * page;
}

}  // namespace eremite::vmm

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

size_t PageMap::read(const std::byte* address, std::span<uint64_t> entries) const {
    const auto offset = static_cast<off_t>(reinterpret_cast<uintptr_t>(address) / page * sizeof(uint64_t));
    const ssize_t got = file_ ? ::pread(file_.get(), entries.data(), entries.size_bytes(), offset) : -1;
    return got > 0 ? static_cast<size_t>(got) / sizeof(uint64_t) : 0;
}

PageMap::Run PageMap::next(std::span<const std::byte> memory, uint64_t offset) const {
    std::array<uint64_t, batch> entries;
    while (offset < memory.size()) {
        const size_t got = read(memory.data() + offset, std::span{entries}.first(std::min<uint64_t>(batch, (memory.size() - offset + page - 1) / page)));
        if (got == 0) return {offset, memory.size() - offset};
        const auto there = [](uint64_t entry) { return (entry & (present | swapped)) != 0; };
        const auto end = entries.begin() + static_cast<ptrdiff_t>(got), first = std::find_if(entries.begin(), end, there);
        const uint64_t start = offset + static_cast<uint64_t>(first - entries.begin()) * page;
        if (first != end) return {start, std::min<uint64_t>(static_cast<uint64_t>(std::find_if_not(first, end, there) - first) * page, memory.size() - start)};
        offset = start;
    }
    return {};
}

uint64_t PageMap::resident(std::span<const std::byte> memory) const {
    std::array<uint64_t, batch> entries;
    uint64_t pages = 0;
    for (uint64_t offset = 0; offset < memory.size();) {
        const size_t got = read(memory.data() + offset, std::span{entries}.first(std::min<uint64_t>(batch, (memory.size() - offset + page - 1) / page)));
        if (got == 0) break;
        pages += static_cast<uint64_t>(std::count_if(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(got), [](uint64_t entry) { return (entry & present) != 0; }));
        offset += got * page;
    }
    return pages * page;
}

}  // namespace eremite::vmm

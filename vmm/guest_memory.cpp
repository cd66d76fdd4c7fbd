#include "vmm/guest_memory.hpp"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"

namespace eremite::vmm {

namespace {

constexpr uint64_t small_page = 4096, huge_page = uint64_t{2} << 20;

constexpr uint64_t page_size(GuestMemory::Pages pages) { return pages == GuestMemory::Pages::Huge ? huge_page : small_page; }

Error no_huge_pages(uint64_t size) {
    const HostMemory host = host_memory();
    return Error{"--huge-pages: the machine needs " + std::to_string(size / huge_page) + " huge pages of 2 MiB, and this host has " +
                 std::to_string(host.huge_page == huge_page ? host.free_huge_pages : 0) + " free: as root, `sysctl vm.nr_hugepages=NUMBER` makes some"};
}

// So many addresses, of whole pages, that nothing is mapped at yet, and that begin where a large page may. MAP_FAILED: there are none.
void* reserve(uint64_t size) {
    // More than there can be stays more.
    const uint64_t wanted = size + std::min(huge_page, UINT64_MAX - size);
    void* const found = ::mmap(nullptr, wanted, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) return found;
    // SAFETY: addresses as numbers, of a mapping that nobody else knows of.
    const auto start = reinterpret_cast<uintptr_t>(found), aligned = (start + huge_page - 1) / huge_page * huge_page;
    if (aligned != start) ::munmap(found, aligned - start);
    ::munmap(reinterpret_cast<void*>(aligned + size), start + wanted - (aligned + size));
    return reinterpret_cast<void*>(aligned);
}

}  // namespace

GuestMemory::GuestMemory(uint64_t size, Pages pages) : kind_{pages}, size_{(size + page_size(pages) - 1) / page_size(pages) * page_size(pages)} {
    const bool huge = pages == Pages::Huge;
    const std::string wanted = std::to_string(size_ >> 20) + " MiB of memory for the machine";
    if (size_ < size || size_ == 0) throw Error{wanted + ": no possible size"};
    // Huge pages are reserved here: later, where there is none left, the process would die.
    map(MAP_ANONYMOUS | (huge ? MAP_HUGETLB | MAP_HUGE_2MB : MAP_NORESERVE), -1, 0, [huge, this, &wanted] { return huge ? no_huge_pages(size_) : system_error(wanted); });
}

GuestMemory::GuestMemory(const MemoryImage& image) : begins_as_image_{true}, size_{image.size} {
    if (size_ == 0 || size_ % small_page != 0 || image.offset % small_page != 0) throw Error{"the snapshot is damaged: its memory has an impossible size"};
    map(MAP_NORESERVE, image.file, image.offset, [] { return system_error("the snapshot's memory"); });
}

void GuestMemory::map(int flags, int file, uint64_t offset, const std::function<Error()>& failure) {
    void* const place = reserve(size_);
    if (place == MAP_FAILED) throw failure();
    // In the place of what was reserved.
    if (::mmap(place, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | flags, file, static_cast<off_t>(offset)) == MAP_FAILED) {
        const Error error = failure();
        ::munmap(place, size_);
        throw error;
    }
    mapping_ = static_cast<std::byte*>(place);
    // Fewer and larger pages where the host has them; it is no error where not.
    (void)::madvise(mapping_, size_, MADV_HUGEPAGE);
    // A dump of a monitor that crashed is about the monitor.
    (void)::madvise(mapping_, size_, MADV_DONTDUMP);
    const uint64_t low = std::min(size_, low_end);
    regions_.push_back({0, {mapping_, low}});
    if (size_ > low) regions_.push_back({high_start, {mapping_ + low, size_ - low}});
}

GuestMemory::~GuestMemory() { ::munmap(mapping_, size_); }

PageMap::Run GuestMemory::next_touched(uint64_t offset) const {
    if (begins_as_image_ && offset < size_) return {offset, size_ - offset};
    return pages_.next(all(), offset);
}

std::span<std::byte> GuestMemory::piece(uint64_t address, uint64_t length) const {
    if (length == 0) return {};
    for (const Region& region : regions_) {
        const uint64_t offset = address - region.address;  // wraps for what is below
        if (address >= region.address && offset < region.bytes.size() && length <= region.bytes.size() - offset)
            return region.bytes.subspan(offset, length);
    }
    return {};
}

}  // namespace eremite::vmm

#include "vmm/guest_memory.hpp"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

}  // namespace

GuestMemory::GuestMemory(uint64_t size, Pages pages) : size_{(size + page_size(pages) - 1) / page_size(pages) * page_size(pages)} {
    const bool huge = pages == Pages::Huge;
    const std::string wanted = std::to_string(size_ >> 20) + " MiB of memory for the machine";
    if (size_ < size || size_ == 0) throw Error{wanted + ": no possible size"};
    file_ = UniqueFd{::memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0))};
    if (!file_) throw huge ? no_huge_pages(size_) : system_error("memfd_create");
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) throw system_error(wanted);
    // Nobody who gets the file, as a daemon may, can cut it short under us.
    if (::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) throw system_error("fcntl(F_ADD_SEALS)");
    // Huge pages are reserved here: later, where there is none left, the process would die.
    map(MAP_SHARED | (huge ? 0 : MAP_NORESERVE), file_.get(), 0, [huge, this, &wanted] { return huge ? no_huge_pages(size_) : system_error(wanted); });
}

GuestMemory::GuestMemory(const MemoryImage& image) : size_{image.size} {
    if (size_ == 0 || size_ % small_page != 0 || image.offset % small_page != 0) throw Error{"the snapshot is damaged: its memory has an impossible size"};
    map(MAP_PRIVATE | MAP_NORESERVE, image.file, image.offset, [] { return system_error("the snapshot's memory"); });
}

void GuestMemory::map(int flags, int file, uint64_t offset, const std::function<Error()>& failure) {
    void* const mapping = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, flags, file, static_cast<off_t>(offset));
    if (mapping == MAP_FAILED) throw failure();
    mapping_ = static_cast<std::byte*>(mapping);
    // Fewer and larger pages where the host has them for shared memory; it is no error where not.
    (void)::madvise(mapping, size_, MADV_HUGEPAGE);
    // A dump of a monitor that crashed is about the monitor.
    (void)::madvise(mapping, size_, MADV_DONTDUMP);
    const uint64_t low = std::min(size_, low_end);
    regions_.push_back({0, {mapping_, low}});
    if (size_ > low) regions_.push_back({high_start, {mapping_ + low, size_ - low}});
}

GuestMemory::~GuestMemory() { ::munmap(mapping_, size_); }

uint64_t GuestMemory::resident() const {
    struct stat attributes {};
    constexpr uint64_t block = 512;
    return ::fstat(file_.get(), &attributes) == 0 ? static_cast<uint64_t>(attributes.st_blocks) * block : 0;
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

void prepare_to_write(std::span<std::byte> bytes) {
    // SAFETY: numbers of pages, of our own mapping.
    const auto first = reinterpret_cast<uintptr_t>(bytes.data()) / small_page * small_page, end = reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size();
    if (!bytes.empty()) (void)::madvise(reinterpret_cast<void*>(first), end - first, MADV_POPULATE_WRITE);
}

}  // namespace eremite::vmm

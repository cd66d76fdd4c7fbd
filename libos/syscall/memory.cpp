#include "libos/syscall/memory.hpp"

#include <linux/mman.h>

#include <algorithm>
#include <array>

#include "libos/mm/address_space.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/process/process.hpp"

namespace eremite::syscall {

namespace {

mm::AddressSpace& address_space() { return process::current().address_space(); }

constexpr mm::Protection protection_of(int prot) {
    return {static_cast<uint8_t>(prot & (PROT_READ | PROT_WRITE | PROT_EXEC))};
}

// A file that is sealed against writing cannot be written through new mappings. EPERM.
Result<void> heed_seals(mm::MapRequest& request, const fs::Inode& inode) {
    const auto seals = inode.seals();
    if (!seals.ok() || (seals.value() & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == 0) return {};
    if (request.protection.writable()) return Error{EPERM};
    request.maximum = mm::protection::read_execute;
    return {};
}

// Attaches the file of descriptor `fd`. EBADF; EACCES: the file is not open for that; ENODEV: it cannot be mapped.
Result<void> attach_file(mm::MapRequest& request, int fd) {
    const auto file = TRY(process::current().files().get(fd));
    if (file->path_only()) return Error{EBADF};
    const bool shared = (request.flags & MAP_TYPE) != MAP_PRIVATE;
    if (!file->readable()) return Error{EACCES};
    if (shared && !file->writable()) {
        if (request.protection.writable()) return Error{EACCES};
        request.maximum = mm::protection::read_execute;
    }
    if (const fs::Inode* const inode = file->inode(); shared && inode) TRY(heed_seals(request, *inode));
    request.object = TRY(file->memory_object());
    return {};
}

}  // namespace

Result<long> sys_mmap(uint64_t address, size_t length, int prot, int flags, int fd, uint64_t offset) {
    if (!is_aligned(offset, page_size)) return Error{EINVAL};
    mm::MapRequest request;
    request.hint = VirtualAddress{address};
    request.length = length;
    request.protection = protection_of(prot);
    request.flags = flags;
    // Anonymous memory ignores descriptor and offset.
    if (!(flags & MAP_ANONYMOUS)) {
        request.offset = offset;
        TRY(attach_file(request, fd));
    }
    return static_cast<long>(TRY(address_space().map(request)).value);
}

Result<long> sys_munmap(uint64_t address, size_t length) {
    TRY(address_space().unmap(VirtualAddress{address}, length));
    return 0L;
}

Result<long> sys_mprotect(uint64_t address, size_t length, int prot) {
    // PROT_GROWSDOWN and PROT_GROWSUP reach to the end of an area that grows; our stacks are mapped in full.
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)) return Error{EINVAL};
    TRY(address_space().protect(VirtualAddress{address}, length, protection_of(prot)));
    return 0L;
}

Result<long> sys_mremap(uint64_t old_address, size_t old_length, size_t new_length, int flags, uint64_t new_address) {
    const auto moved = TRY(address_space().remap(VirtualAddress{old_address}, old_length, new_length, flags, VirtualAddress{new_address}));
    return static_cast<long>(moved.value);
}

Result<long> sys_brk(uint64_t address) {
    return static_cast<long>(address_space().brk(VirtualAddress{address}).value);
}

Result<long> sys_madvise(uint64_t address, size_t length, int advice) {
    TRY(address_space().advise(VirtualAddress{address}, length, advice));
    return 0L;
}

Result<long> sys_mincore(uint64_t address, size_t length, VirtualAddress vector) {
    if (!is_aligned(address, page_size)) return Error{EINVAL};
    if (address > user_address_end || length > user_address_end - address) return Error{ENOMEM};
    // In pieces that fit on the stack.
    std::array<uint8_t, 256> piece;
    size_t left = align_up(length, page_size) / page_size;
    while (left > 0) {
        const std::span<uint8_t> part{piece.data(), std::min(left, piece.size())};
        TRY(address_space().residency(VirtualAddress{address}, part));
        TRY(mm::copy_to_user(vector, part.data(), part.size()));
        address += part.size() * page_size;
        vector = vector + part.size();
        left -= part.size();
    }
    return 0L;
}

Result<long> sys_mlock(uint64_t address, size_t length) {
    TRY(address_space().lock(VirtualAddress{address}, length, true));
    return 0L;
}

Result<long> sys_mlock2(uint64_t address, size_t length, int flags) {
    if (flags & ~MLOCK_ONFAULT) return Error{EINVAL};
    TRY(address_space().lock(VirtualAddress{address}, length, !(flags & MLOCK_ONFAULT)));
    return 0L;
}

Result<long> sys_munlock(uint64_t address, size_t length) {
    TRY(address_space().unlock(VirtualAddress{address}, length));
    return 0L;
}

Result<long> sys_mlockall(int flags) {
    if ((flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || !(flags & (MCL_CURRENT | MCL_FUTURE))) return Error{EINVAL};
    TRY(address_space().lock_all((flags & MCL_CURRENT) != 0, (flags & MCL_FUTURE) != 0, !(flags & MCL_ONFAULT)));
    return 0L;
}

Result<long> sys_munlockall() {
    address_space().unlock_all();
    return 0L;
}

Result<long> sys_msync(uint64_t address, size_t length, int flags) {
    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) return Error{EINVAL};
    if ((flags & MS_ASYNC) && (flags & MS_SYNC)) return Error{EINVAL};
    TRY(address_space().sync(VirtualAddress{address}, length, (flags & MS_INVALIDATE) != 0, (flags & MS_SYNC) != 0));
    return 0L;
}

}  // namespace eremite::syscall

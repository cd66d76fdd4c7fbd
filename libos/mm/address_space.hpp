#pragma once
// The virtual memory of the program: areas, the page table they are mapped by, and the rules of mmap(2) and its relatives.
//
// Memory is lazy: a page gets its frame when it is first touched. Pages are writable or executable, never both: a request
// for both is refused with EACCES, as SELinux does (a program that compiles at run time maps writable, then mprotects).
// Areas of the library OS stand in the same tree; the program may neither change nor unmap nor cover them.
//
// One lock guards it all. A fault lets it go while it zeroes or copies frames, which takes far longer than the rest, and looks
// again if something has changed meanwhile: so CPUs that fault hardly wait for each other.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/address.hpp"
#include "base/ref.hpp"
#include "base/result.hpp"
#include "libos/arch/page_table.hpp"
#include "libos/mm/memory_object.hpp"
#include "libos/mm/vma.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::mm {

enum class Access : uint8_t { Read, Write, Execute };

// The arguments of mmap(2).
struct MapRequest {
    VirtualAddress hint{};
    uint64_t length = 0;  // bytes
    Protection protection = protection::read_write;
    int flags = 0;                         // MAP_* of mmap(2)
    Ref<MemoryObject> object{};            // absent for MAP_ANONYMOUS
    uint64_t offset = 0;                   // bytes, a multiple of 4096
    Protection maximum = protection::all;  // what mprotect may give later
};

// An area as /proc/self/maps shows it.
struct VmaInfo {
    VirtualRange range;
    Protection protection;
    bool shared;
    bool kernel;
    bool locked;
    uint64_t offset;              // bytes in the object
    const MemoryObject* object;   // or null
    std::string_view name;        // "[heap]", "[stack]", the name given to add_image, or empty
};

class AddressSpace {
public:
    // Private writable memory without MAP_NORESERVE is a promise. Strict keeps it: what cannot be had is refused with ENOMEM.
    enum class Overcommit : uint8_t { Strict, Always };
    struct Statistics {
        uint64_t mapped_pages = 0;     // of the program's areas
        uint64_t resident_pages = 0;   // with a frame
        uint64_t peak_pages = 0;       // the most that were resident
        uint64_t committed_pages = 0;  // promised
        uint64_t locked_pages = 0;
        uint64_t faults = 0;
    };

    // `root`: a table without mappings below `user_address_end`, from PageTable::create_root(). `seed` shifts the place where
    // mappings start. `largest_page`: see PageTable.
    explicit AddressSpace(PhysicalAddress root, uint64_t seed = 0, uint64_t largest_page = large_page_size);
    AddressSpace(const AddressSpace&) = delete;
    AddressSpace& operator=(const AddressSpace&) = delete;
    // Unmaps and frees everything. Requires: no CPU uses it.
    ~AddressSpace();

    [[nodiscard]] PhysicalAddress root() const { return table_.root(); }
    void set_overcommit(Overcommit policy);

    // Set-up. A segment of the linked program that is already in memory; `name` must live as long as we do. EINVAL: not whole
    // pages; EEXIST: overlaps another area; EACCES: writable and executable; ENOMEM.
    [[nodiscard]] Result<void> add_image(VirtualRange range, PhysicalAddress start, Protection protection, std::string_view name);
    // Memory of the library OS, the supervisor (`supervisor_only`), the direct map, device registers (`uncached`). Errors as above.
    [[nodiscard]] Result<void> add_kernel(VirtualRange range, PhysicalAddress start, Protection protection, bool supervisor_only,
                                          bool uncached = false, std::string_view name = {});
    // The main thread's stack: `size` bytes with an inaccessible gap below. ENOMEM.
    [[nodiscard]] Result<VirtualRange> add_stack(uint64_t size);
    // Where the brk heap starts (rounded up to a page): the end of the program's image.
    void set_brk_start(VirtualAddress start);

    // mmap(2). Errors as the man page has them; EPERM: MAP_FIXED below 64 KiB.
    [[nodiscard]] Result<VirtualAddress> map(const MapRequest& request);
    // munmap(2)
    [[nodiscard]] Result<void> unmap(VirtualAddress start, uint64_t length);
    // mprotect(2). As in Linux, what lies before the address that fails is changed.
    [[nodiscard]] Result<void> protect(VirtualAddress start, uint64_t length, Protection protection);
    // mremap(2); `flags` are MREMAP_*.
    [[nodiscard]] Result<VirtualAddress> remap(VirtualAddress start, uint64_t old_length, uint64_t new_length, int flags,
                                               VirtualAddress new_start = {});
    // brk(2) as the kernel has it: returns the break, which is the old one when it could not be moved.
    VirtualAddress brk(VirtualAddress wanted);
    // madvise(2); `advice` is MADV_*.
    [[nodiscard]] Result<void> advise(VirtualAddress start, uint64_t length, int advice);
    // mincore(2): one byte for each page from `start` on, 1 when it is resident. ENOMEM: not all is mapped.
    [[nodiscard]] Result<void> residency(VirtualAddress start, std::span<uint8_t> pages);
    // mlock2(2), munlock(2). `populate`: give every page its frame now.
    [[nodiscard]] Result<void> lock(VirtualAddress start, uint64_t length, bool populate);
    [[nodiscard]] Result<void> unlock(VirtualAddress start, uint64_t length);
    // mlockall(2): `current` areas, `future` ones. munlockall(2).
    [[nodiscard]] Result<void> lock_all(bool current, bool future, bool populate);
    void unlock_all();
    // msync(2). `writes_back`: waits for the objects (MS_SYNC). ENOMEM: not all is mapped; EBUSY: locked and `invalidate`; the errors of
    // MemoryObject::synchronize_pages.
    [[nodiscard]] Result<void> sync(VirtualAddress start, uint64_t length, bool invalidate, bool writes_back);

    // A page fault of ring 3. EFAULT: nothing is mapped (SEGV_MAPERR); EACCES: not with these rights (SEGV_ACCERR);
    // ENXIO: beyond the end of the object, EIO: it could not be read (both SIGBUS); ENOMEM. EAGAIN: the page has to be waited for,
    // and `waits` forbids it. Requires: no spinlock is held, or not `waits`.
    [[nodiscard]] Result<void> fault(VirtualAddress address, Access access, bool waits = true);

    // Unmaps the pages of `object` from page `first` on, everywhere, private copies included: it has become shorter.
    void drop_object_pages(const MemoryObject& object, uint64_t first);
    // Unmaps the object's own frames of pages [first, first + count), so that they can go: an access asks page() again. Private copies
    // stay. False: a part is locked in memory and not `locked_too`; nothing has changed.
    [[nodiscard]] bool release_object_pages(const MemoryObject& object, uint64_t first, uint64_t count, bool locked_too);
    // Makes these pages read-only: a write asks page() again.
    void write_protect_object_pages(const MemoryObject& object, uint64_t first, uint64_t count);

    // An address in a shared mapping of an object, which may be mapped elsewhere too. The number stands for the byte of the object,
    // wherever its page is in memory: different bytes of an object have different ones, and so have different objects as a rule.
    [[nodiscard]] std::optional<uint64_t> shared_identity(VirtualAddress address);
    // Whether an address lies in the gap below the main thread's stack.
    [[nodiscard]] bool is_stack_guard(VirtualAddress address);

    // Calls visitor(const VmaInfo&) in ascending order, with the lock held: it must not map, unmap or fault.
    template <typename Visitor>
    void for_each(Visitor&& visitor) {
        sync::Guard guard{lock_};
        for (Vma* vma = areas_.first(); vma; vma = areas_.next(*vma)) visitor(describe(*vma));
    }
    [[nodiscard]] Statistics statistics();
    // What stands at an address. For diagnostics and tests.
    [[nodiscard]] std::optional<arch::PageTable::Mapping> query(VirtualAddress address);

private:
    // Areas that were removed. Destroyed after the lock is released, since an object's last reference may take locks that rank
    // before ours.
    class Graveyard;
    // The lock, for whoever changes areas or takes tables away: a fault that has let it go sees that.
    class [[nodiscard]] Changing {
    public:
        explicit Changing(AddressSpace& space) : guard_{space.lock_} { ++space.generation_; }

    private:
        sync::Guard guard_;
    };
    // Pages that are about to be promised: from the decision on nobody else may have them. They are counted before the lock is let
    // go, or not wanted any more.
    class [[nodiscard]] Pledge {
    public:
        explicit Pledge(AddressSpace& space) : space_{space} {}
        Pledge(const Pledge&) = delete;
        Pledge& operator=(const Pledge&) = delete;
        ~Pledge();
        // False: not every page promised would find a frame.
        [[nodiscard]] bool make(uint64_t pages);

    private:
        AddressSpace& space_;
    };
    struct Fault;
    enum class Placement : uint8_t { Anywhere, Below2GiB };

    [[nodiscard]] static VmaInfo describe(const Vma& vma);
    // Areas and promises: address_space.cpp
    [[nodiscard]] Vma* find(VirtualAddress address);
    [[nodiscard]] Vma* first_ending_after(VirtualAddress address);
    [[nodiscard]] bool free_range(VirtualRange range);
    [[nodiscard]] bool touches_kernel(VirtualRange range);
    [[nodiscard]] Result<VirtualAddress> find_gap(uint64_t length, Placement placement);
    [[nodiscard]] Result<Vma*> split(Vma& vma, VirtualAddress at);
    [[nodiscard]] Result<Vma*> isolate(Vma& vma, VirtualRange range);
    [[nodiscard]] Result<Vma*> add_area(const Vma& wanted, Graveyard& graveyard);
    Vma& merge(Vma& vma, Graveyard& graveyard);
    void merge_around(VirtualRange range, Graveyard& graveyard);
    void resize(Vma& vma, VirtualRange range);
    void remove(Vma& vma, Graveyard& graveyard);
    [[nodiscard]] uint64_t promised_pages() const { return statistics_.committed_pages - committed_resident_ + pledged_; }
    void keep_promises() const;
    void drop_pages(const Vma& vma, VirtualRange range, VirtualRange unused);
    [[nodiscard]] VirtualRange unused_around(const Vma& first, const Vma& last, const Vma* behind, VirtualRange range);
    void count_resident(const Vma& vma, uint64_t pages, uint64_t owned);
    void count_mapped(const Vma& vma, int64_t pages);
    [[nodiscard]] static arch::PageFlags page_flags(const Vma& vma);
    // setup.cpp
    [[nodiscard]] Result<void> add_fixed(const Vma& vma, PhysicalAddress start, arch::PageFlags flags);
    // mmap.cpp
    [[nodiscard]] Result<VirtualAddress> place(const MapRequest& request, uint64_t length);
    [[nodiscard]] Result<void> unmap_areas(VirtualRange range, Graveyard& graveyard);
    [[nodiscard]] Result<void> protect_area(Vma& vma, VirtualRange range, Protection protection);
    // remap.cpp
    [[nodiscard]] Result<VirtualAddress> move_area(Vma& vma, VirtualRange old_range, uint64_t new_length, VirtualAddress to,
                                                   bool keep_old, Graveyard& graveyard);
    [[nodiscard]] bool grow_in_place(Vma& vma, VirtualRange old_range, uint64_t new_length, Graveyard& graveyard);
    // advise.cpp
    template <typename Change>
    [[nodiscard]] Result<void> for_each_part(VirtualRange range, Change&& change);
    [[nodiscard]] Result<void> advise_area(Vma& vma, VirtualRange range, int advice);
    [[nodiscard]] Result<void> set_locked(VirtualRange range, bool locked);
    // object_pages.cpp
    struct ObjectPart {
        Ref<MemoryObject> object{};
        uint64_t first = 0;
        uint64_t count = 0;
    };
    [[nodiscard]] ObjectPart next_object_part(VirtualRange& range);
    template <typename Visit>
    [[nodiscard]] bool visit_object(const MemoryObject& object, uint64_t first, uint64_t count, Visit&& visit);
    void release_shared_frames(const Vma& vma, VirtualRange range);
    // fault.cpp
    template <typename Work>
    [[nodiscard]] bool without_lock(Work&& work);
    [[nodiscard]] Result<void> resolve(Fault& fault);
    [[nodiscard]] Result<void> attempt(Fault& fault);
    [[nodiscard, gnu::cold]] Result<void> fetch_page(Fault& fault);
    [[nodiscard]] Result<PhysicalAddress> object_page(const Vma& vma, Fault& fault, bool for_write);
    [[nodiscard]] Vma* grow_down(VirtualAddress page);
    [[nodiscard, gnu::always_inline]] inline Result<arch::PageTable::EmptyRun> empty_run(const Vma& vma, const Fault& fault);
    [[nodiscard]] Result<void> prepare_zeroed(Fault& fault, size_t count, const Vma& vma);
    [[nodiscard]] Result<void> fault_anonymous(Vma& vma, Fault& fault);
    [[nodiscard]] bool wants_large(const Vma& vma, VirtualAddress page) const;
    [[nodiscard]] Result<bool> map_large(Vma& vma, Fault& fault);
    [[nodiscard]] Result<void> map_zero_pages(Vma& vma, arch::PageTable::EmptyRun run);
    [[nodiscard]] Result<void> replace_zero_page(Vma& vma, Fault& fault);
    [[nodiscard]] Result<void> copy_object_page(Vma& vma, Fault& fault);
    [[nodiscard]] Result<void> map_object_page(Vma& vma, Fault& fault);
    [[nodiscard]] Result<void> already_mapped(VirtualAddress page, Access access);
    [[nodiscard]] Result<void> populate(VirtualRange range, bool write);

    sync::Spinlock lock_{sync::Rank::AddressSpace};
    uint32_t preparing_ = 0;   // faults that have let the lock go
    uint64_t generation_ = 0;  // counts the changes of areas and the tables that were taken away
    arch::PageTable table_;
    VmaTree areas_;
    PhysicalAddress zero_frame_{};  // 0: not needed so far
    Vma* recent_ = nullptr;         // where the last lookup ended
    VirtualAddress map_top_;
    VirtualAddress brk_start_;
    VirtualAddress brk_;
    Overcommit overcommit_ = Overcommit::Strict;
    bool lock_future_ = false;
    bool populate_future_ = false;
    uint64_t committed_resident_ = 0;  // pages of accounted areas that have their own frame
    uint64_t pledged_ = 0;
    uint64_t fault_margin_;            // free pages kept beside the promised ones
    Statistics statistics_;
};

// The one address space of this machine. Implemented by libos/init.
[[nodiscard]] AddressSpace& kernel_address_space();

}  // namespace eremite::mm

// Turns busy `syscall` instructions of the program into jumps (patch/). Finding room costs some hundred thousand
// instructions, so a site is patched only when it has been executed often enough to be worth it.
#include "libos/arch/x86_64/syscall_sites.hpp"

#include <cstring>

#include "libos/arch/smp.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/arch/tlb.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/arch/x86_64/patch/encode.hpp"
#include "libos/arch/x86_64/patch/patched_calls.hpp"
#include "libos/arch/x86_64/patch/site.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/process/process.hpp"
#include "libos/sync/spinlock.hpp"

extern "C" {
extern const char eremite_syscall_entry_patched[];
void eremite_patch_call_site(uint64_t return_address);
[[noreturn]] void enter_program(uint64_t entry, uint64_t stack_pointer);
}

namespace eremite::arch {

namespace {

constexpr uint16_t visits_before_patching = 64;
constexpr uint16_t given_up = 0xffff;

// How often a site was executed. Sites that share a slot take it from each other, which only delays patching.
struct Visits {
    uint64_t site : 48;
    uint64_t count : 16;
};
constinit Visits visits[256]{};
// Guards the counts and the places where jumps go.
constinit sync::Spinlock patch_lock{sync::Rank::CodePatching};

VirtualRange program_text{};
constinit uint64_t patched_sites = 0;
constinit uint64_t unpatchable_sites = 0;

// Code made by us, in one page near the program's text: writable through the direct map only.
class TrampolinePage {
public:
    // Makes the page on first use. ENOSPC: it is full; ENOMEM; EEXIST: its place is taken.
    Result<VirtualAddress> allocate(size_t size) {
        if (address_.value == 0) TRY(create());
        if (used_ + size > page_size) return Error{ENOSPC};
        used_ += size;
        return address_ + (used_ - size);
    }
    // SAFETY: `at` came from allocate; the direct map reaches the page.
    [[nodiscard]] uint8_t* writable(VirtualAddress at) const { return direct_map(frame_ + (at - address_)).as<uint8_t>(); }

private:
    Result<void> create() {
        constexpr uint64_t distance_from_text = 64 << 10;
        const VirtualAddress place = VirtualAddress{program_text.start.down_to(page_size)} - distance_from_text;
        frame_ = TRY(mm::page_allocator().allocate(0));
        std::memset(direct_map(frame_).as<void>(), 0xcc, page_size);
        const auto mapped =
            process::current().address_space().add_kernel({place, place + page_size}, frame_, mm::protection::read_execute, false, false, "[trampolines]");
        if (!mapped.ok()) {
            mm::page_allocator().free(frame_, 0);
            return mapped.error();
        }
        address_ = place;
        return {};
    }
    VirtualAddress address_{};
    PhysicalAddress frame_{};
    size_t used_ = 0;
};
TrampolinePage trampolines;
// Added to under the lock, read without.
constinit patch::PatchedCalls patched_calls;

// The program's text at `address`, writable: its own mapping is not.
Result<uint8_t*> writable_text(VirtualAddress address) {
    const auto mapping = process::current().address_space().query(address);
    if (!mapping) return Error{EFAULT};
    // SAFETY: the frame holds the program's text, which the direct map reaches.
    return direct_map(mapping->address).as<uint8_t>();
}

Result<void> write_text(VirtualAddress address, std::span<const uint8_t> bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) *TRY(writable_text(address + i)) = bytes[i];
    return {};
}

Result<void> patch_site(VirtualAddress site) {
    const std::span<const uint8_t> text{program_text.start.as<const uint8_t>(), program_text.size()};
    const auto found = patch::find_site(text, program_text.start, site - program_text.start);
    if (!found) return Error{ENOSPC};
    const VirtualAddress hole = program_text.start + found->hole;
    const VirtualAddress entry{static_cast<const void*>(eremite_syscall_entry_patched)};
    const VirtualAddress at = TRY(trampolines.allocate(patch::trampoline_size));
    const auto trampoline = patch::encode_trampoline(at, site + patch::site_size, entry);
    const auto long_jump = patch::encode_near_jump(hole, at);
    const auto short_jump = patch::encode_short_jump(site, hole);
    if (!long_jump || !short_jump) return Error{ERANGE};
    std::memcpy(trampolines.writable(at), trampoline.bytes.data(), trampoline.bytes.size());

    // The order of writes: see patch/encode.hpp.
    for (size_t i = found->padding_start; i < found->padding_end; ++i) {
        const VirtualAddress address = program_text.start + i;
        if (address >= hole && address < hole + patch::hole_size) continue;
        *TRY(writable_text(address)) = 0xcc;
    }
    TRY(write_text(hole, *long_jump));
    uint16_t two_bytes;
    std::memcpy(&two_bytes, short_jump->data(), sizeof two_bytes);
    uint8_t* const site_bytes = TRY(writable_text(site));
    // Before anybody can be on the way.
    if (!patched_calls.add({site, hole, at})) return Error{ENOSPC};
    if (many_cpus()) {
        *site_bytes = patch::padding_fill;
        flush_page(site);  // interrupts those that may be about to execute it
    }
    // SAFETY: find_site made sure that the two bytes can be stored at once.
    __atomic_store_n(reinterpret_cast<uint16_t*>(site_bytes), two_bytes, __ATOMIC_RELEASE);
    return {};
}

}  // namespace

// What entry.S pushes first.
VirtualAddress program_stack_pointer() { return VirtualAddress{VirtualAddress{this_cpu().kernel_stack_top - 8}.as<const uint64_t>()[0]}; }

std::optional<VirtualAddress> patched_site_of(VirtualAddress at) { return patched_calls.site_of(at); }
std::optional<VirtualAddress> behind_patched_site(VirtualAddress at) { return patched_calls.hole_of(at); }

void look_before_return() { this_cpu().any_pending = 1; }

void start_program(VirtualAddress entry, VirtualAddress stack_pointer, VirtualRange text) {
    program_text = text;
    enter_program(entry.value, stack_pointer.value);
}

SyscallCounts syscall_counts() {
    SyscallCounts sum{0, 0, patched_sites, unpatchable_sites};
    for (const abi::CpuBlock& cpu : eremite_cpu_blocks) {
        sum.total += cpu.syscalls;
        sum.trapped += cpu.syscalls_trapped;
    }
    return sum;
}

}  // namespace eremite::arch

extern "C" void eremite_patch_call_site(uint64_t return_address) {
    using namespace eremite::arch;
    const uint64_t site = return_address - patch::site_size;
    Visits& v = visits[(site >> 1) % std::size(visits)];
    // Given up, or patched and not yet seen by everyone.
    if (v.site == site && v.count >= visits_before_patching) return;
    const eremite::sync::Guard guard{patch_lock};
    if (v.site != site) {
        v = {site, 1};
        return;
    }
    if (v.count >= visits_before_patching || ++v.count < visits_before_patching) return;
    v.count = given_up;
    if (!program_text.contains(eremite::VirtualAddress{site})) return;
    const auto patched = patch_site(eremite::VirtualAddress{site});
    if (patched.ok()) ++patched_sites;
    else ++unpatchable_sites;
}

#include "machine.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

#include "base/panic.hpp"
#include "base/restart.hpp"
#include "libos/arch/page_table.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/tlb.hpp"
#include "libos/arch/user_copy.hpp"
#include "libos/drivers/console.hpp"
#include "libos/drivers/virtio_rng.hpp"
#include "libos/fs/mount.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/proc/network.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/random/random.hpp"
#include "libos/sched/awaited_memory.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/signal/signals.hpp"
#include "libos/syscall/adapter.hpp"

namespace {

int64_t allocations_left = -1;  // -1: no limit
constexpr int64_t boot_time = 1'700'000'000'000'000'000;

}  // namespace

// Kernel code allocates by the nothrow form only.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
    if (allocations_left == 0) return nullptr;
    if (allocations_left > 0) --allocations_left;
    return ::operator new(size);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
    if (allocations_left == 0) return nullptr;
    if (allocations_left > 0) --allocations_left;
    return ::operator new[](size);
}

namespace eremite {

void panic(std::string_view message) { throw std::runtime_error{std::string{message}}; }

namespace arch {

unsigned cpu_index() { return 0; }
void flush_page(VirtualAddress) {}
void flush_page_here(VirtualAddress address) { flush_page(address); }
bool exceeds_tlb(uint64_t) { return false; }
void extend_tlb(uint64_t, VirtualRange) {}
void flush_range(VirtualRange) {}
void flush_all() {}

// The host kernel copies, since it notices memory that is not accessible; which side is the program's shows in the address.
// By number, since the sanitizer would take exception to strings being read past their end, as they are in whole pieces.
// Our side goes through a buffer, so that the sanitizer does watch it.
size_t user_copy(void* destination, const void* source, size_t size) {
    const bool to_user = VirtualAddress{destination}.value < user_address_end;
    std::vector<char> bytes(size);
    if (to_user) std::memcpy(bytes.data(), source, size);
    const iovec kernel{bytes.data(), size};
    const iovec user{to_user ? destination : const_cast<void*>(source), size};
    const long copied = ::syscall(to_user ? SYS_process_vm_writev : SYS_process_vm_readv, getpid(), &kernel, 1, &user, 1, 0);
    const auto done = static_cast<size_t>(std::max(copied, 0L));
    if (!to_user) std::memcpy(destination, bytes.data(), done);
    return size - done;
}

size_t user_copy_now(void* destination, const void* source, size_t size) { return user_copy(destination, source, size); }
bool user_load_word(const uint32_t* word, uint32_t* value) { return user_copy(value, word, sizeof *value) == 0; }

bool user_compare_exchange_word(uint32_t* word, uint32_t* expected, uint32_t desired) {
    uint32_t found = 0;
    if (user_copy(&found, word, sizeof found) != 0) return false;
    const bool same = found == *expected;
    *expected = found;
    return !same || user_copy(word, &desired, sizeof desired) == 0;
}

size_t user_zero(void* destination, size_t size) {
    static const char zeros[4096] = {};
    for (size_t done = 0; done < size;) {
        const size_t piece = std::min(size - done, sizeof zeros);
        const size_t left = user_copy(static_cast<char*>(destination) + done, zeros, piece);
        done += piece - left;
        if (left != 0) return size - done;
    }
    return 0;
}

}  // namespace arch

namespace drivers {

void console_write_error(std::span<const char> text) { test::console.errors.append(text.data(), text.size()); }
Result<void> console_send(ConsoleOutput output, std::span<const char> text, bool nonblocking) {
    if (test::console.full) return Error{nonblocking ? EAGAIN : restart_if_asked};
    (output == ConsoleOutput::Error ? test::console.errors : test::console.output).append(text.data(), text.size());
    return {};
}
void console_push(ConsoleOutput) {}
bool console_writable(ConsoleOutput) { return !test::console.full; }
Result<size_t> console_read(std::span<char> buffer, bool nonblocking) {
    std::string& input = test::console.input;
    if (input.empty() && nonblocking) return Error{EAGAIN};
    const size_t size = std::min(buffer.size(), input.size());
    input.copy(buffer.data(), size);
    input.erase(0, size);
    return size;
}
ConsoleInput console_input() { return {!test::console.input.empty(), false}; }
fs::ReadinessSource& console_readiness_source() {
    static fs::ReadinessSource source;
    return source;
}
bool console_is_terminal() { return test::console.terminal; }
Result<size_t> read_virtio_entropy(std::span<uint8_t>, bool) { return Error{ENODEV}; }

}  // namespace drivers

namespace platform {
Instant monotonic_now() { return {test::now}; }
int64_t realtime_now() { return boot_time + test::now; }
uint64_t tsc_khz() { return 2'500'123; }
}  // namespace platform

namespace random {
void fill(std::span<uint8_t> bytes) {
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(std::rand());
}
bool seeded() { return true; }
}  // namespace random

namespace mm {
AddressSpace& kernel_address_space() { return process::current().address_space(); }
}  // namespace mm

namespace process {
Process* program = nullptr;
}  // namespace process

namespace sched {
Result<void> sleep_until(Instant when) {
    test::now = std::max(test::now, when.ns);
    return {};
}
// All memory is there.
bool await_memory() { return false; }

}  // namespace sched

namespace test {

Console console;
int64_t now = 5'000'000'000;

uint64_t start_machine() {
    static const bool once = [] {
        constexpr uint64_t start = 0x10'0000;
        constexpr uint64_t size = uint64_t{64} << 20;
        void* wanted = direct_map(PhysicalAddress{start}).as<void>();
        void* got = mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (got != wanted) std::abort();
        return mm::page_allocator().add({{start}, {start + size}}).ok();
    }();
    if (!once) std::abort();
    return mm::page_allocator().free_pages();
}

// The address space is never switched to: it is only there to be looked at through /proc/self/maps.
Program::Program() {
    start_machine();
    auto* space = new mm::AddressSpace{arch::PageTable::create_root().value()};
    process_ = new process::Process{*space};
    process::program = process_;
    if (!fs::initialize_root(process_->fs()).ok() || !fs::open_standard_streams(process_->fs(), process_->files()).ok()) std::abort();
}

Program::~Program() {
    for (const char* path : {"/sys", "/proc", "/dev/shm", "/dev", "/"}) {
        auto root = fs::find(process_->fs(), process_->fs().root(), path);
        if (!root.ok() || !fs::unmount(*root).ok()) std::abort();
    }
    mm::AddressSpace* const space = &process_->address_space();
    delete process_;
    delete space;
    process::program = nullptr;
}

FailingHeap::FailingHeap(int64_t successes) { allocations_left = successes; }
FailingHeap::~FailingHeap() { allocations_left = -1; }

// The pages taken are linked through their first word.
Hunger::Hunger(uint64_t left) {
    while (mm::page_allocator().free_pages() > left) {
        const auto frame = mm::page_allocator().allocate(0, mm::PageAllocator::Use::Promised);
        if (!frame.ok()) std::abort();
        *direct_map(frame.value()).as<uint64_t>() = chain_;
        chain_ = frame.value().value;
    }
}

Hunger::~Hunger() {
    while (chain_ != 0) {
        const PhysicalAddress frame{chain_};
        chain_ = *direct_map(frame).as<uint64_t>();
        mm::page_allocator().free(frame, 0);
    }
}

void* user_memory(size_t size) {
    static uintptr_t hint = 0x1000'0000'0000 + 0x2000'0000'0000;
    void* const memory = mmap(reinterpret_cast<void*>(hint), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || reinterpret_cast<uintptr_t>(memory) >= user_address_end) std::abort();
    hint += align_up(size, page_size) + page_size;
    return memory;
}

void release_user_memory(void* memory, size_t size) { munmap(memory, size); }

}  // namespace test

// No signal comes to these tests.
namespace signal {
void set_mask(sched::Thread& thread, uint64_t blocked) { thread.blocked_signals = blocked; }
void raise_in_thread(int) {}
}  // namespace signal
// These tests have no sockets.
namespace fs::proc {
std::span<const Entry> network_files() { return {}; }
std::span<const Entry> network_settings() { return {}; }
}  // namespace fs::proc
namespace syscall {
long fail(int code, Entry) { return -code; }
}  // namespace syscall

}  // namespace eremite

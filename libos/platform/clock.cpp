#include "libos/platform/clock.hpp"

#include <atomic>

#include "libos/arch/cpu.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/arch/trap.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/clock_setup.hpp"
#include "libos/platform/cmos.hpp"
#include "libos/platform/pvclock.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::platform {

namespace {

// 0 until the frequency is known: then the clock stands still at 0.
constinit uint64_t frequency_khz = 0;
constinit uint64_t start_tsc = 0;
constinit uint64_t multiplier = 0;  // nanoseconds per tick, 32 fractional bits, like the next two
constinit uint64_t ticks_per_ns = 0;
// Changes with the lock, which guards what is published too.
constinit std::atomic<int64_t> wall_clock_offset{0};
constinit sync::Spinlock wall_clock_lock{sync::Rank::Clock};
constinit abi::TimerMode timer_mode{};
constinit uint64_t timer_ticks_per_ns = uint64_t{1} << 32;  // of the local timer in one-shot mode
constinit std::atomic<uint64_t> timer_interrupts{0};  // while there is one CPU

constinit vdso::Data* published = nullptr;

// Readers look at the sequence before and after, and again if it was odd or has changed. Requires the lock.
void write_published() {
    if (!published) return;
    published->sequence = published->sequence + 1;
    std::atomic_thread_fence(std::memory_order_release);
    published->start_tsc = start_tsc;
    published->multiplier = multiplier;
    published->wall_clock_offset = wall_clock_offset.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    published->sequence = published->sequence + 1;
}

uint64_t scale(uint64_t value, uint64_t factor) { return static_cast<uint64_t>(static_cast<unsigned __int128>(value) * factor >> 32); }
uint64_t ticks_to_ns(uint64_t ticks) { return scale(ticks, multiplier); }
constexpr uint64_t per_ns(uint64_t khz) { return (khz << 32) / 1'000'000; }

// TSC ticks until the one-shot timer has counted down `count`.
uint64_t time_countdown(uint64_t count) {
    const uint64_t before = timer_interrupts.load(std::memory_order_relaxed);
    const uint64_t start = arch::cycle_counter();
    arch::arm_timer(count);
    while (timer_interrupts.load(std::memory_order_relaxed) == before) arch::wait_for_interrupt();
    return arch::cycle_counter() - start;
}

// The difference of two countdowns leaves out what arming and the interrupt cost.
uint64_t measure_with_local_timer(uint64_t khz) {
    constexpr uint64_t short_ms = 1, long_ms = 11;
    const uint64_t shorter = time_countdown(khz * short_ms);
    const uint64_t longer = time_countdown(khz * long_ms);
    return (longer - shorter) / (long_ms - short_ms);
}

// Channel 2 of the 8254 counts down 10 ms; its output appears in bit 5 of port 0x61.
uint64_t measure_with_pit() {
    constexpr uint32_t pit_hz = 1193182, count = pit_hz / 100;
    arch::port_out(0x61, 1, (arch::port_in(0x61, 1) & ~2u) | 1u);
    arch::port_out(0x43, 1, 0xb0);
    arch::port_out(0x42, 1, count & 0xff);
    arch::port_out(0x42, 1, count >> 8);
    const uint64_t start = arch::cycle_counter();
    constexpr unsigned too_many_polls = 200'000;  // ten times what 10 ms take on the fastest machine
    for (unsigned polls = 0; polls < too_many_polls; ++polls)
        if (arch::port_in(0x61, 1) & 0x20) return (arch::cycle_counter() - start) / 10;
    return 0;
}

uint64_t find_frequency(uint64_t given_khz) {
    if (given_khz != 0) return given_khz;
    if (const uint64_t announced = arch::announced_tsc_khz()) return announced;
    if (const uint64_t khz = read_pvclock_khz()) return khz;
    if (timer_mode == abi::TimerMode::LapicOneShot) {
        if (const uint64_t khz = arch::announced_timer_khz()) return measure_with_local_timer(khz);
    }
    return measure_with_pit();
}

}  // namespace

void start_clock(const abi::BootInfo& info, uint64_t tsc_khz) {
    timer_mode = info.timer_mode;
    start_tsc = info.entry_tsc;
    if (const uint64_t khz = arch::announced_timer_khz()) timer_ticks_per_ns = per_ns(khz);
    uint64_t khz = find_frequency(tsc_khz);
    if (khz == 0) {
        khz = 1'000'000;
        log::error("no way to find the frequency of the time stamp counter: times will be wrong; give the kernel argument tsc_mhz=");
    }
    frequency_khz = khz;
    multiplier = (uint64_t{1'000'000} << 32) / khz;
    ticks_per_ns = per_ns(khz);
    // Without an announcement, the one-shot timer's own frequency is measured against the counter.
    if (timer_mode == abi::TimerMode::LapicOneShot && arch::announced_timer_khz() == 0) {
        constexpr uint64_t count = 10'000'000;
        const uint64_t ns = ticks_to_ns(time_countdown(count));
        if (ns != 0) timer_ticks_per_ns = (count << 32) / ns;
    }
}

namespace {

std::optional<int64_t> read_wall_clock() {
    if (const auto ns = read_pvclock_realtime()) return ns;
    const auto seconds = read_cmos_clock();
    return seconds ? std::optional{*seconds * 1'000'000'000} : std::nullopt;
}

}  // namespace

void start_wall_clock() {
    if (const auto ns = read_wall_clock()) wall_clock_offset.store(*ns - monotonic_now().ns, std::memory_order_relaxed);
    else log::info("no real-time clock: the wall clock starts at 1970");
}

void correct_wall_clock() {
    if (const auto ns = read_wall_clock()) set_realtime(*ns);
}

Instant monotonic_now() { return {static_cast<int64_t>(ticks_to_ns(arch::cycle_counter() - start_tsc))}; }
int64_t realtime_now() { return monotonic_now().ns + wall_clock_offset.load(std::memory_order_relaxed); }
uint64_t tsc_khz() { return frequency_khz; }

void set_realtime(int64_t ns) {
    const sync::Guard guard{wall_clock_lock};
    wall_clock_offset.store(ns - monotonic_now().ns, std::memory_order_relaxed);
    write_published();
}

void publish_clock(vdso::Data& data) {
    const sync::Guard guard{wall_clock_lock};
    published = &data;
    write_published();
}

void arm_timer_at(Instant when) {
    const int64_t now = monotonic_now().ns;
    const uint64_t delta = when.ns > now ? static_cast<uint64_t>(when.ns - now) : 1;
    if (timer_mode == abi::TimerMode::TscDeadline) {
        arch::arm_timer(arch::cycle_counter() + scale(delta, ticks_per_ns));
    } else {
        const uint64_t ticks = scale(delta, timer_ticks_per_ns);
        // A longer wait comes in pieces: the count has 32 bits.
        arch::arm_timer(ticks == 0 ? 1 : ticks > 0xffffffff ? 0xffffffff : ticks);
    }
}

}  // namespace eremite::platform

namespace eremite::arch {

void timer_interrupt() {
    platform::timer_interrupts.store(platform::timer_interrupts.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    sched::timer_interrupt();
}

}  // namespace eremite::arch

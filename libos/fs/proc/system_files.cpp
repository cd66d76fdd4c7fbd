// What /proc and /sys tell about the machine.
#include <array>

#include "libos/fs/proc/generators.hpp"
#include "libos/fs/proc/source.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::proc {

namespace {

constexpr uint64_t ticks_per_second = 100;  // USER_HZ
constexpr uint64_t second = 1'000'000'000;

uint64_t uptime() { return static_cast<uint64_t>(platform::monotonic_now().ns); }
uint64_t idle_time() { return source().idle_time ? source().idle_time() : 0; }
uint32_t threads() { return source().threads ? source().threads() : 1; }
uint64_t interrupts() { return source().interrupts ? source().interrupts() : 0; }
uint64_t context_switches() { return source().context_switches ? source().context_switches() : 0; }
uint32_t running() { return source().running_threads ? source().running_threads() : 1; }

void write_kib(TextSink& out, std::string_view name, uint64_t pages) {
    // Name and value together take 24 columns.
    out.write(name);
    out.write(":");
    for (size_t column = name.size() + 1; column < 16; ++column) out.write(" ");
    format(out, "{:>8} kB\n", pages * (page_size / 1024));
}

}  // namespace

void write_hundredths(TextSink& out, uint64_t nanoseconds) {
    format(out, "{}.{:02}", nanoseconds / second, nanoseconds % second / 10'000'000);
}

void write_hexadecimal(TextSink& out, uint64_t value, unsigned width) {
    std::array<char, 16> digits;
    size_t start = digits.size();
    do {
        digits[--start] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    while (start > 0 && digits.size() - start < width) digits[--start] = '0';
    out.write({digits.data() + start, digits.size() - start});
}

Result<void> write_cpu_info(TextSink& out) {
    const Source& s = source();
    const uint64_t khz = platform::tsc_khz();
    for (uint32_t cpu = 0; cpu < s.cpu_count; ++cpu) {
        format(out, "processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\n", cpu, s.cpu_vendor, s.cpu_family,
               s.cpu_model_number);
        format(out, "model name\t: {}\nstepping\t: {}\ncpu MHz\t\t: {}.", s.cpu_model, s.cpu_stepping, khz / 1000);
        const uint64_t rest = khz % 1000;
        format(out, "{}{}{}\n", rest / 100, rest / 10 % 10, rest % 10);
        if (s.cpu_cache_kib != 0) format(out, "cache size\t: {} KB\n", s.cpu_cache_kib);
        format(out, "physical id\t: 0\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\n", s.cpu_count, cpu, s.cpu_count);
        format(out, "fpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t: {}\n", s.cpu_flags);
        format(out, "address sizes\t: {} bits physical, {} bits virtual\n\n", s.physical_address_bits, s.virtual_address_bits);
    }
    return {};
}

Result<void> write_memory_info(TextSink& out) {
    const uint64_t total = mm::page_allocator().total_pages();
    const uint64_t free = mm::page_allocator().free_pages();
    write_kib(out, "MemTotal", total);
    write_kib(out, "MemFree", free);
    const uint64_t reclaimable = mm::page_allocator().reclaimable_pages(), unwritten = mm::page_allocator().unwritten_pages();
    write_kib(out, "MemAvailable", free + reclaimable);
    write_kib(out, "Buffers", 0);
    write_kib(out, "Cached", reclaimable + unwritten);
    for (const std::string_view name : {"SwapCached", "SwapTotal", "SwapFree"}) write_kib(out, name, 0);
    write_kib(out, "Dirty", unwritten);
    write_kib(out, "Writeback", 0);
    write_kib(out, "CommitLimit", total);
    return {};
}

Result<void> write_version(TextSink& out) {
    format(out, "Linux version {} (eremite) (g++) {}\n", source().release, source().version);
    return {};
}

Result<void> write_uptime(TextSink& out) {
    write_hundredths(out, uptime());
    out.write(" ");
    write_hundredths(out, idle_time());
    out.write("\n");
    return {};
}

Result<void> write_stat(TextSink& out) {
    const uint64_t all = uptime() * source().cpu_count / (second / ticks_per_second);
    const uint64_t idle = idle_time() / (second / ticks_per_second);
    const uint64_t user = all > idle ? all - idle : 0;
    format(out, "cpu  {} 0 0 {} 0 0 0 0 0 0\n", user, idle);
    // Times are known for all CPUs together; each shows its share.
    for (uint32_t cpu = 0; cpu < source().cpu_count; ++cpu)
        format(out, "cpu{} {} 0 0 {} 0 0 0 0 0 0\n", cpu, user / source().cpu_count, idle / source().cpu_count);
    const auto boot_time = static_cast<uint64_t>(platform::realtime_now()) / second - uptime() / second;
    format(out, "intr {}\nctxt {}\nbtime {}\nprocesses 1\nprocs_running {}\nprocs_blocked 0\n", interrupts(), context_switches(), boot_time,
           running());
    return {};
}

Result<void> write_load(TextSink& out) {
    // There is no sampling of the run queue, and one program has no use for an average of it.
    format(out, "0.00 0.00 0.00 {}/{} 1\n", running(), threads());
    return {};
}

Result<void> write_file_systems(TextSink& out) {
    out.write("nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n");
    return {};
}

Result<void> write_cpu_list(TextSink& out) {
    if (source().cpu_count == 1) out.write("0\n");
    else format(out, "0-{}\n", source().cpu_count - 1);
    return {};
}

Result<void> write_release(TextSink& out) {
    format(out, "{}\n", source().release);
    return {};
}

Result<void> write_host_name(TextSink& out) {
    format(out, "{}\n", source().host_name ? source().host_name() : std::string_view{"eremite"});
    return {};
}

}  // namespace eremite::fs::proc

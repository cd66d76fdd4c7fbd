// What /proc/self tells about the program.
#include <algorithm>
#include <array>

#include "libos/fs/path.hpp"
#include "libos/fs/proc/generators.hpp"
#include "libos/fs/proc/source.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"

namespace eremite::fs::proc {

namespace {

constinit Source the_source;
constexpr uint64_t kib_per_page = page_size / 1024;

std::string_view command_name() {
    if (source().command_name) return source().command_name();
    std::string_view name = source().executable;
    if (const size_t slash = name.rfind('/'); slash != name.npos) name.remove_prefix(slash + 1);
    return name.substr(0, 15);
}

Result<void> write_path(TextSink& out, const Inode& inode) {
    std::array<char, 1024> buffer;
    out.write(TRY(path_of(inode, buffer)));
    return {};
}

uint32_t thread_count() { return source().threads ? source().threads() : 1; }

}  // namespace

Source& source() { return the_source; }

Result<void> write_executable(TextSink& out) {
    out.write(source().executable);
    return {};
}

Result<void> write_working_directory(TextSink& out) { return write_path(out, *process::current().fs().working_directory()); }

Result<void> write_root_directory(TextSink& out) { return write_path(out, *process::current().fs().root()); }

Result<void> write_command_line(TextSink& out) {
    out.write({source().command_line.data(), source().command_line.size()});
    return {};
}

Result<void> write_command_name(TextSink& out) {
    format(out, "{}\n", command_name());
    return {};
}

Result<void> write_environment(TextSink& out) {
    out.write({source().environment.data(), source().environment.size()});
    return {};
}

Result<void> write_auxiliary_vector(TextSink& out) {
    // SAFETY: characters may alias any bytes.
    out.write({reinterpret_cast<const char*>(source().auxiliary_vector.data()), source().auxiliary_vector.size()});
    return {};
}

Result<void> write_status(TextSink& out) {
    const auto memory = process::current().address_space().statistics();
    FileTable& files = process::current().files();
    format(out, "Name:\t{}\nUmask:\t0", command_name());
    const uint32_t mask = process::current().fs().umask();
    const char octal[] = {static_cast<char>('0' + (mask >> 6 & 7)), static_cast<char>('0' + (mask >> 3 & 7)),
                          static_cast<char>('0' + (mask & 7))};
    out.write({octal, sizeof octal});
    format(out, "\nState:\tR (running)\nTgid:\t1\nNgid:\t0\nPid:\t1\nPPid:\t0\nTracerPid:\t0\n");
    format(out, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t{}\nGroups:\t \n", files.limit());
    format(out, "VmPeak:\t{:>8} kB\nVmSize:\t{:>8} kB\n", memory.mapped_pages * kib_per_page, memory.mapped_pages * kib_per_page);
    format(out, "VmLck:\t{:>8} kB\nVmHWM:\t{:>8} kB\n", memory.locked_pages * kib_per_page, memory.peak_pages * kib_per_page);
    format(out, "VmRSS:\t{:>8} kB\nVmSwap:\t       0 kB\n", memory.resident_pages * kib_per_page);
    format(out, "Threads:\t{}\n", thread_count());
    return {};
}

// The 52 fields of proc(5); what has no meaning here is 0.
Result<void> write_process_stat(TextSink& out) {
    const auto memory = process::current().address_space().statistics();
    const auto ticks = static_cast<uint64_t>(platform::monotonic_now().ns / 10'000'000);
    format(out, "1 ({}) R 0 1 1 0 -1 0 {} 0 0 0 {} 0 0 0 20 0 {} 0 0 ", command_name(), memory.faults, ticks, thread_count());
    format(out, "{} {} 18446744073709551615", memory.mapped_pages * page_size, memory.resident_pages);
    for (int field = 26; field <= 52; ++field) out.write(" 0");
    out.write("\n");
    return {};
}

Result<void> write_memory_pages(TextSink& out) {
    const auto memory = process::current().address_space().statistics();
    format(out, "{} {} 0 0 0 {} 0\n", memory.mapped_pages, memory.resident_pages, memory.committed_pages);
    return {};
}

Result<void> write_limits(TextSink& out) {
    const uint32_t limit = process::current().files().limit();
    out.write("Limit                     Soft Limit           Hard Limit           Units     \n");
    format(out, "Max open files            {:<20} {:<20} files     \n", limit, FileTable::maximum_limit);
    return {};
}

}  // namespace eremite::fs::proc

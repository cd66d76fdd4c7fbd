#pragma once
// The texts of /proc, one function for each file (proc(5) describes them).
#include "base/format.hpp"
#include "base/result.hpp"

namespace eremite::fs::proc {

// The process: process_files.cpp, memory_map.cpp
Result<void> write_maps(TextSink& out);
Result<void> write_executable(TextSink& out);
Result<void> write_working_directory(TextSink& out);
Result<void> write_root_directory(TextSink& out);
Result<void> write_command_line(TextSink& out);
Result<void> write_command_name(TextSink& out);
Result<void> write_environment(TextSink& out);
Result<void> write_auxiliary_vector(TextSink& out);
Result<void> write_status(TextSink& out);
Result<void> write_process_stat(TextSink& out);
Result<void> write_memory_pages(TextSink& out);
Result<void> write_limits(TextSink& out);

// What is mounted: mount_files.cpp
Result<void> write_mounts(TextSink& out);
Result<void> write_mount_info(TextSink& out);

// The machine: system_files.cpp
Result<void> write_cpu_info(TextSink& out);
Result<void> write_memory_info(TextSink& out);
Result<void> write_version(TextSink& out);
Result<void> write_uptime(TextSink& out);
Result<void> write_stat(TextSink& out);
Result<void> write_load(TextSink& out);
Result<void> write_file_systems(TextSink& out);
Result<void> write_cpu_list(TextSink& out);
Result<void> write_release(TextSink& out);
Result<void> write_host_name(TextSink& out);

// Decimal with two digits of hundredths, as in /proc/uptime.
void write_hundredths(TextSink& out, uint64_t nanoseconds);
// Hexadecimal without prefix, zero-padded to `width`.
void write_hexadecimal(TextSink& out, uint64_t value, unsigned width);

}  // namespace eremite::fs::proc

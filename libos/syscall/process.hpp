#pragma once
// Identity, limits, threads of the one process, and its end. Handlers follow section 2 of the Linux manual.
#include <cstddef>
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/mm/user_memory.hpp"

namespace eremite::syscall {

inline constexpr long process_id = 1;

// The process is the machine's first and only one: its parent does not exist, which Linux calls 0.
inline Result<long> sys_getpid() { return process_id; }
inline Result<long> sys_getppid() { return 0L; }
// The program runs as root: nobody else is there.
inline Result<long> sys_identity() { return 0L; }

Result<long> sys_getpgid(int pid);
Result<long> sys_setpgid(int pid, int group);
Result<long> sys_getgroups(int size, VirtualAddress list);
Result<long> sys_setgroups(int size, mm::UserPtr<uint32_t> groups);
Result<long> sys_getresid(mm::UserPtr<uint32_t> real, mm::UserPtr<uint32_t> effective, mm::UserPtr<uint32_t> saved);
Result<long> sys_set_identity(uint32_t id);

Result<long> sys_uname(VirtualAddress buffer);
// The host name that the machine starts with; what is longer than a host name may be is cut off.
void set_host_name(std::string_view name);
// The host name as uname(2) and sethostname(2) know it.
[[nodiscard]] std::string_view current_host_name();
Result<long> sys_sethostname(VirtualAddress name, size_t length);
Result<long> sys_sysinfo(VirtualAddress buffer);
Result<long> sys_getrlimit(unsigned resource, VirtualAddress limit);
Result<long> sys_setrlimit(unsigned resource, VirtualAddress limit);
Result<long> sys_prlimit64(int pid, unsigned resource, VirtualAddress new_limit, VirtualAddress old_limit);
Result<long> sys_getrusage(int who, VirtualAddress usage);
Result<long> sys_times(VirtualAddress buffer);

Result<long> sys_arch_prctl(int code, VirtualAddress address);
Result<long> sys_prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
Result<long> sys_getrandom(VirtualAddress buffer, size_t size, unsigned flags);


// Processes are excluded by design: ENOSYS, named once in the log.
Result<long> sys_no_processes();
// There are no children to wait for.
Result<long> sys_wait4(int pid, VirtualAddress status, uint32_t options);
Result<long> sys_waitid(uint32_t type, int id, VirtualAddress information, uint32_t options);
// Ends the machine with the status' low 8 bits.
[[noreturn]] Result<long> sys_exit_group(int status);

}  // namespace eremite::syscall

#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <cstring>

#include "check.hpp"

namespace system_calls {

namespace {

void check_numbers() {
    const long pid = call(SYS_getpid);
    CHECK(pid > 0);
    CHECK(call(SYS_gettid) == pid);
    CHECK(call(SYS_set_tid_address, nullptr) == pid);
    CHECK(call(SYS_getppid) >= 0);
    CHECK(call(SYS_getpgid, 0) == call(SYS_getpgrp));
    CHECK(call(SYS_getpgid, pid) == call(SYS_getpgrp));
    CHECK(call(SYS_getpgid, 0x7fffffff));
    CHECK(call(SYS_getpgid, -1));
    CHECK(call(SYS_getsid, 0) == call(SYS_getsid, pid));
    CHECK(call(SYS_getsid, 0x7fffffff));
    CHECK(call(SYS_setpgid, 0, -1));
    CHECK(call(SYS_setpgid, 0x7fffffff, 0));
    uint32_t real, effective, saved;
    CHECK(call(SYS_getresuid, &real, &effective, &saved));
    CHECK(real == call(SYS_getuid) && effective == call(SYS_geteuid));
    CHECK(call(SYS_getresgid, &real, &effective, &saved));
    CHECK(real == call(SYS_getgid) && effective == call(SYS_getegid));
    CHECK(call(SYS_getresuid, &real, nowhere, &saved));
    // To what one is already.
    CHECK(call(SYS_setuid, call(SYS_getuid)));
    CHECK(call(SYS_setgid, call(SYS_getgid)));
    CHECK(call(SYS_setuid, -1));
    CHECK(call(SYS_getgroups, 0, nullptr) >= 0);
    CHECK(call(SYS_getgroups, -1, nullptr));
}

void check_system() {
    utsname name{};
    CHECK(call(SYS_uname, &name));
    CHECK_TEXT(name.sysname);
    CHECK_TEXT(name.machine);
    CHECK(std::strlen(name.nodename) > 0 && std::strlen(name.version) > 0);
    int major = 0, minor = 0;
    CHECK(std::sscanf(name.release, "%d.%d", &major, &minor));
    CHECK(major * 100 + minor >= 501);
    CHECK(call(SYS_uname, nowhere));
    char host[65];
    CHECK(gethostname(host, sizeof host));
    CHECK(std::strcmp(host, name.nodename));

    struct sysinfo info {};
    CHECK(call(SYS_sysinfo, &info));
    CHECK(info.totalram > 0 && info.freeram <= info.totalram && info.procs > 0 && info.mem_unit > 0 && info.uptime >= 0);
    CHECK(call(SYS_sysinfo, nowhere));
    CHECK(sysconf(_SC_PAGESIZE));
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN));
    CHECK(sysconf(_SC_PHYS_PAGES) > 1000 && sysconf(_SC_AVPHYS_PAGES) > 0);
    CHECK(sysconf(_SC_CLK_TCK));
}

void check_random() {
    unsigned char a[256] = {}, b[256] = {};
    CHECK(call(SYS_getrandom, a, sizeof a, 0));
    CHECK(call(SYS_getrandom, b, sizeof b, GRND_NONBLOCK));
    CHECK(std::memcmp(a, b, sizeof a) != 0);
    int ones = 0;
    for (const unsigned char c : a) ones += __builtin_popcount(c);
    // 2048 bits of which half are set, plus or minus nine standard deviations.
    CHECK(ones > 1024 - 204 && ones < 1024 + 204);
    CHECK(call(SYS_getrandom, a, 0, 0));
    CHECK(call(SYS_getrandom, a, 1, 1 << 10));
    CHECK(call(SYS_getrandom, a, 1, GRND_RANDOM | GRND_INSECURE));
    CHECK(call(SYS_getrandom, nowhere, 16, 0));
    CHECK(getentropy(a, 256));
}

}  // namespace

void check_identity() {
    check_numbers();
    check_system();
    check_random();
}

}  // namespace system_calls

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstring>

#include "check.hpp"

namespace system_calls {

namespace {

void check_rlimits() {
    for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
        rlimit a{}, b{};
        std::printf("resource %d\n", resource);
        CHECK(call(SYS_getrlimit, resource, &a));
        CHECK(call(SYS_prlimit64, 0, resource, nullptr, &b));
        CHECK(a.rlim_cur == b.rlim_cur && a.rlim_max == b.rlim_max && a.rlim_cur <= a.rlim_max);
        CHECK(call(SYS_setrlimit, resource, &a));
    }
    rlimit limit{};
    CHECK(call(SYS_getrlimit, RLIM_NLIMITS, &limit));
    CHECK(call(SYS_setrlimit, RLIM_NLIMITS, &limit));
    CHECK(call(SYS_getrlimit, RLIMIT_CORE, nowhere));
    CHECK(call(SYS_setrlimit, RLIMIT_CORE, nowhere));
    limit = {2, 1};
    CHECK(call(SYS_setrlimit, RLIMIT_CORE, &limit));
    CHECK(call(SYS_prlimit64, 0x7fffffff, RLIMIT_CORE, nullptr, &limit));
    CHECK(call(SYS_prlimit64, call(SYS_getpid), RLIMIT_CORE, nullptr, &limit));
}

void check_descriptor_limit() {
    rlimit before{};
    CHECK(call(SYS_getrlimit, RLIMIT_NOFILE, &before));
    const rlimit few{10, before.rlim_max};
    CHECK(call(SYS_setrlimit, RLIMIT_NOFILE, &few));
    rlimit now{};
    CHECK(call(SYS_getrlimit, RLIMIT_NOFILE, &now));
    CHECK(now.rlim_cur == 10 && now.rlim_max == before.rlim_max);
    for (int fd = 3; fd < 10; ++fd) call(SYS_close, fd);  // whatever was inherited
    int opened = 0;
    long result = 0;
    while (opened < 100 && (result = call(SYS_open, "/dev/null", O_RDONLY)) >= 0) ++opened;
    CHECK(opened);
    CHECK(result);
    CHECK(call(SYS_dup2, 0, 10));
    CHECK(call(SYS_dup, 0));
    CHECK(call(SYS_setrlimit, RLIMIT_NOFILE, &before));
    CHECK(call(SYS_dup2, 0, 10));
    for (int fd = 3; fd <= 10; ++fd) call(SYS_close, fd);
}

void check_usage() {
    rusage usage{};
    CHECK(call(SYS_getrusage, RUSAGE_SELF, &usage));
    CHECK(usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_usec < 1'000'000 && usage.ru_maxrss > 100 && usage.ru_maxrss < 4'000'000);
    // The peak counts what was touched, and stays when it is gone.
    constexpr size_t size = 40 << 20;
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 'x', size);
    CHECK(munmap(memory, size));
    CHECK(call(SYS_getrusage, RUSAGE_SELF, &usage));
    CHECK(usage.ru_maxrss >= 40 * 1024);
    CHECK(call(SYS_getrusage, RUSAGE_THREAD, &usage));
    CHECK(call(SYS_getrusage, RUSAGE_CHILDREN, &usage));
    CHECK(usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
    CHECK(call(SYS_getrusage, 5, &usage));
    CHECK(call(SYS_getrusage, RUSAGE_SELF, nowhere));
}

}  // namespace

void check_limits() {
    check_rlimits();
    check_descriptor_limit();
    check_usage();
}

}  // namespace system_calls

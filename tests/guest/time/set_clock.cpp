// The wall clock can be set, and the library call knows. Not to be run as a Linux process: it would set that machine's clock.
#include <time.h>

#include <cstdio>

int main() {
    const timespec wanted{1'000'000'000, 0};
    if (::clock_settime(CLOCK_REALTIME, &wanted) != 0) return 1;
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    std::printf("%ld\n", static_cast<long>(t.tv_sec - wanted.tv_sec));
    return t.tv_sec - wanted.tv_sec > 60;
}

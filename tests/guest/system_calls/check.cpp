#include "check.hpp"

#include <cerrno>
#include <cstring>

namespace system_calls {

long raw_call(long number, const long (&words)[6]) {
    const long result = syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    return result == -1 ? -errno : result;
}

void report(const char* what, long result) {
    if (result < 0 && result >= -4095)
        std::printf("%s: %s\n", what, strerrorname_np(static_cast<int>(-result)));
    else
        std::printf("%s: %ld\n", what, result);
}

void report_text(const char* what, const char* text) {
    std::printf("%s: %s\n", what, text);
}

}  // namespace system_calls

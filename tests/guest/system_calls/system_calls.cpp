// System calls outside files and memory: identity, time, process, limits.
#include "check.hpp"

int main() {
    system_calls::check_identity();
    system_calls::check_time();
    system_calls::check_process();
    system_calls::check_limits();
}

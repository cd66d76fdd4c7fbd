// Policies, priorities and affinity: what is accepted and what is refused must be what Linux says.
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace {

void show(const char* what, int result) { std::printf("%s: %d%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? std::strerror(errno) : ""); }

sched_param priority(int value) {
    sched_param parameters{};
    parameters.sched_priority = value;
    return parameters;
}

}  // namespace

int main() {
    for (int policy : {SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, 4, 77})
        std::printf("policy %d: %d to %d\n", policy, ::sched_get_priority_min(policy), ::sched_get_priority_max(policy));
    const sched_param none = priority(0), high = priority(50);
    sched_param found = priority(-1);
    show("policy", ::sched_getscheduler(0));
    show("SCHED_OTHER with a priority", ::sched_setscheduler(0, SCHED_OTHER, &high));
    show("SCHED_FIFO without one", ::sched_setscheduler(0, SCHED_FIFO, &none));
    show("a thread that is not there", ::sched_setscheduler(99999, SCHED_OTHER, &none));
    show("no parameters", ::sched_setscheduler(0, SCHED_OTHER, nullptr));
    show("SCHED_BATCH", ::sched_setscheduler(0, SCHED_BATCH, &none));
    show("policy", ::sched_getscheduler(0));
    show("a priority for it", ::sched_setparam(0, &high));
    show("parameters", ::sched_getparam(0, &found));
    std::printf("priority %d\n", found.sched_priority);
    show("SCHED_OTHER again", ::sched_setscheduler(0, SCHED_OTHER, &none));
    show("negative id", ::sched_getscheduler(-1));
    show("nice", ::setpriority(PRIO_PROCESS, 0, 5));
    show("nice is", ::getpriority(PRIO_PROCESS, 0));
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    show("affinity", ::pthread_setaffinity_np(::pthread_self(), sizeof first, &first));
    show("yield", ::sched_yield());
}

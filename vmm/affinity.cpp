#include "vmm/affinity.hpp"

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "vmm/error.hpp"

namespace eremite::vmm {

namespace {

std::string list_of(const cpu_set_t& set) {
    std::string list;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) list += (list.empty() ? "" : ",") + std::to_string(cpu);
    return list;
}

}  // namespace

void check_affinity(std::span<const unsigned> host_cpus, unsigned processors) {
    if (host_cpus.size() != processors) {
        throw Error{"--affinity names " + std::to_string(host_cpus.size()) + " of the host's CPUs, and the machine has " + std::to_string(processors) +
                    ": name one for each (--cpus)"};
    }
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    // A host with more CPUs than such a set holds: what cannot be told here is told by pin().
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    for (const unsigned cpu : host_cpus)
        if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed))
            throw Error{"--affinity: this process may not use CPU " + std::to_string(cpu) + " of the host, but " + list_of(allowed)};
}

void pin(pthread_t thread, unsigned host_cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (host_cpu < CPU_SETSIZE) CPU_SET(host_cpu, &set);
    const int error = ::pthread_setaffinity_np(thread, sizeof set, &set);
    if (error != 0) throw Error{"--affinity: CPU " + std::to_string(host_cpu) + " of the host: " + std::strerror(error)};
}

}  // namespace eremite::vmm

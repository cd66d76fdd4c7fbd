#pragma once
// On which CPUs of the host the machine's processors run.
#include <pthread.h>

#include <span>

namespace eremite::vmm {

// One CPU for each of the machine's processors, in their order. Throws Error: it is not one each, or one that this process may not use.
void check_affinity(std::span<const unsigned> host_cpus, unsigned processors);

// The thread runs on that CPU only. Throws Error.
void pin(pthread_t thread, unsigned host_cpu);

}  // namespace eremite::vmm

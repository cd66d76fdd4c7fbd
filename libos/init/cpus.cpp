#include "libos/init/cpus.hpp"

#include <algorithm>

#include "abi/cpu_block_offsets.h"
#include "libos/arch/smp.hpp"
#include "libos/platform/firmware_memory.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/processors.hpp"
#include "libos/sched/cpus.hpp"

namespace eremite::init {

void start_other_cpus(mm::AddressSpace& space, PhysicalAddress rsdp, unsigned most) {
    if (most <= 1) return;
    platform::FirmwareMemory memory{space};
    platform::Processors processors = platform::find_processors(rsdp, memory);
    // This one runs already.
    const auto ours = std::find(processors.ids, processors.ids + processors.count, arch::hardware_id());
    if (ours != processors.ids + processors.count) {
        std::move(ours + 1, processors.ids + processors.count, ours);
        --processors.count;
    }
    const size_t wanted = std::min<size_t>(processors.count, most - 1);
    if (wanted == 0) return;
    const unsigned running = sched::start_cpus({processors.ids, wanted});
    log::info("{} CPUs", running);
}

}  // namespace eremite::init

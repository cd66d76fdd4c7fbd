#pragma once
// Figures of the boot that `--stats` shows at the end.
#include <cstdint>

namespace eremite::init {

struct BootStatistics {
    uint64_t entry_tsc = 0;
    uint64_t program_tsc = 0;  // when the program was entered; 0 before
    uint64_t program_bias = 0;
    bool wanted = false;       // kernel argument `stats=1`
};

[[nodiscard]] BootStatistics& boot_statistics();

}  // namespace eremite::init

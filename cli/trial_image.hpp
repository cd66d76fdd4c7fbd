#pragma once
// A tiny image made on the spot, to see whether QEMU boots images here and how fast its instructions are.
#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/accelerator.hpp"

namespace eremite::cli {

// The bytes of an ELF file with a PVH entry whose 32-bit code runs a loop of `turns` times two instructions and ends QEMU through the
// debug-exit port with exit status 42.
std::string trial_image(uint32_t turns);

struct Trial {
    std::string failure;        // empty: it worked
    double milliseconds = 0;    // QEMU's start to its end, without a loop
    double instruction_ns = 0;  // from the difference that a loop makes
};

// Boots it twice, with a short and with a long loop; takes at most half a minute.
Trial run_trial_image(const std::filesystem::path& qemu, Accelerator accelerator);

}  // namespace eremite::cli
